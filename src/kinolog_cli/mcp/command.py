"""`kinolog mcp`: what desktop agents start."""

from __future__ import annotations

from importlib.util import find_spec

from kinolog_cli.context import command, current_context
from kinolog_cli.exit_codes import ExitCode


@command
def mcp() -> ExitCode:
    """Serve the tools of the gateway to an agent that starts this command, over standard input and output.

    The protocol is the Model Context Protocol. Desktop agents are configured with this command. Agents that speak HTTP
    use the gateway's /mcp instead. The command ends when its input does. See docs/mcp.md.
    """
    context = current_context(as_json=False)
    if find_spec("mcp") is None:
        context.print_error("`kinolog mcp` needs `pip install 'kinolog[mcp]'`")
        return ExitCode.FAILED
    with context.client() as gateway:
        gateway.models()  # an address or a key that is wrong is an error now, not at the agent's first call
    from kinolog_cli.mcp.bridge import serve

    serve(context.endpoint())
    return ExitCode.OK
