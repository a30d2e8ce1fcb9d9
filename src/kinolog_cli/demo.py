"""`kinolog demo`: from a prompt to an MP4 with nothing running before and nothing left running after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinolog.ids import new_id
from kinolog_cli.context import CliContext, JsonOption, begin, command
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.gateway import Gateway, GatewayError
from kinolog_cli.job_queries import save_video, watch_job
from kinolog_cli.terminal_output import history_outline
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import StartError
from kinolog_stack.settings import StackSettings

if TYPE_CHECKING:  # what it imports is not installed everywhere
    from kinolog_stack.processes.supervised_process import SupervisedProcess


@command
def demo(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the video shall show.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Save the video here.")] = Path(
        "kinolog-demo.mp4"
    ),
    data: Annotated[Path | None, typer.Option("--data", help="Data folder (KINOLOG_DATA).")] = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Start everything, make one video, show its history, and stop everything again."""
    context = begin(as_json)
    settings = StackSettings(data=data or StackSettings().data, gateway_port=0, api_port=0)
    with somewhere(context, settings) as url, Gateway(url, context.api_key) as gateway:
        answer = gateway.post("/mcp/generate", {"prompt": prompt, "request_id": new_id()})
        job_id = answer["job_id"]
        final = watch_job(context, gateway, job_id)
        code = BY_JOB_STATUS[final["status"]]
        if code is ExitCode.OK:
            save_video(context, gateway, job_id, output)
        history = gateway.get(f"/mcp/events/{job_id}")
    if context.as_json:
        context.print_json({"job": final, "history": history, "saved": str(output.absolute())})
        return code
    context.out.print(history_outline(history["commits"]))
    if code is ExitCode.OK:
        media = final["media"]
        facts = f"{media['width']}x{media['height']}, {media['frames']} frames at {media['fps']:g} per second"
        context.out.print(f"\n{output.absolute()}  ({facts})", style="bold green", soft_wrap=True)
    else:
        error = final.get("error") or {}
        context.err.print(
            f"the job is {final['status']}: {error.get('message', '')}", style="red", markup=False
        )
    return code


@contextmanager
def somewhere(context: CliContext, settings: StackSettings) -> Iterator[str]:
    """The gateway of the stack that runs on this data folder, or of one that runs as long as this lasts."""
    running = DataFolder(settings.data).running()
    if running is not None and "gateway" in running.addresses:
        yield running.addresses["gateway"]
        return
    from kinolog_stack.stack import Stack

    def tell(kept: SupervisedProcess) -> None:
        if kept.state == "running":
            context.err.print(f"  {kept.name} runs", style="dim", markup=False)

    context.err.print("starting kinolog …", style="dim")
    try:
        stack = Stack(settings, on_change=tell)
        stack.start()
    except StartError as error:
        raise GatewayError(
            ExitCode.UNREACHABLE, f"kinolog did not start: {error.problem} {error.remedy}"
        ) from error
    try:
        yield stack.addresses["gateway"]
    finally:
        context.err.print("stopping kinolog …", style="dim")
        stack.stop()
