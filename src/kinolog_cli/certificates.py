"""`kinolog certificates`: a chain of certificates for workers that `kinolog up` does not start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack.signing_certificates import CERTIFICATE_SETTING, KEY_SETTING, SigningChain


@command
def certificates(
    folder: Annotated[Path, typer.Argument(help="Folder for the certificates; made if it is missing.")],
    as_json: JsonOption = False,
) -> None:
    """Make certificates that sign videos, for workers that `kinolog up` does not start. What is there stays."""
    context = current_context(as_json)
    chain = SigningChain(folder.absolute())
    try:
        chain.ensure()
    except (OSError, ValueError) as error:
        raise CommandFailed(
            ExitCode.USAGE, f"the certificates in {folder} cannot be used: {error}"
        ) from error
    if context.as_json:
        context.print_json(
            {
                "root": str(chain.root),
                CERTIFICATE_SETTING: str(chain.signer),
                KEY_SETTING: str(chain.signer_key),
            }
        )
        return
    for line in (
        f"{CERTIFICATE_SETTING}={chain.signer}",
        f"{KEY_SETTING}={chain.signer_key}",
        f"Whoever trusts {chain.root} trusts the signer of these videos. Keep {chain.root_key} in a safe place.",
    ):
        context.out.print(line, soft_wrap=True, markup=False)
