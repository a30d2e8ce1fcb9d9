"""`kinolog projections`: maintain the read models where the database is.

These commands need the log and the database, not the gateway. They run the projector's program with the settings of
the environment, or with those of the stack that runs on the data folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from kinolog.adapters.jetstream.subjects import Service
from kinolog_cli.context import command, wants_json
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.environment import service_environment
from kinolog_stack.servers.passwords import load_passwords
from kinolog_stack.settings import StackSettings

app = typer.Typer(
    help="Maintain the read models: rebuild, hash, migrate, restore.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder of a running stack (KINOLOG_DATA).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
@command
def rebuild(data: DataOption = None, as_json: JsonOption = False) -> ExitCode:
    """Rebuild the read models from the log beside the live ones, and swap them in."""
    return _projector("rebuild", data, as_json)


@app.command("hash")
@command
def hash_(data: DataOption = None, as_json: JsonOption = False) -> ExitCode:
    """Print a hash of every table; two histories that are equal give equal hashes."""
    return _projector("hash", data, as_json)


@app.command()
@command
def migrate(data: DataOption = None, as_json: JsonOption = False) -> ExitCode:
    """Bring the database to the version that this release needs."""
    return _projector("migrate", data, as_json)


@app.command()
@command
def restore(data: DataOption = None, as_json: JsonOption = False) -> ExitCode:
    """Fill an empty log from the archive in the database."""
    return _projector("restore", data, as_json)


def _projector(verb: str, data: Path | None, as_json: bool) -> ExitCode:
    """Run the projector's program. Its output goes through."""
    options = ["--json"] if wants_json(as_json) else []
    argv = [sys.executable, "-P", "-m", "kinolog_projector.app", verb, *options]
    done = subprocess.run(argv, env=_environment(verb, data), check=False)  # noqa: S603  (our own program)
    return ExitCode.OK if done.returncode == 0 else ExitCode.FAILED


def _environment(verb: str, data: Path | None) -> dict[str, str]:
    """Return the settings of this process, or of the stack that runs on the data folder."""
    if data is None and "KINOLOG_DATABASE_URL" in os.environ:
        return dict(os.environ)
    folder = DataFolder((StackSettings(data=data) if data else StackSettings()).data)
    running = folder.running()
    if running is None or "postgres" not in running.addresses:
        text = f"no kinolog runs on {folder.path}; start it, or set KINOLOG_DATABASE_URL and KINOLOG_NATS_URL"
        raise CommandFailed(ExitCode.UNREACHABLE, text)
    from kinolog_stack.servers.master_key import master_key_env
    from kinolog_stack.servers.postgres_server import (  # its driver is not installed everywhere
        DATABASE,
        SUPERUSER,
    )

    user = Service.ADMIN if verb == "restore" else Service.PROJECTOR
    passwords = load_passwords(folder.passwords, [user.value, SUPERUSER])
    database = f"postgresql://{SUPERUSER}:{passwords[SUPERUSER]}@{running.addresses['postgres']}/{DATABASE}"
    return (
        service_environment(os.environ)
        | master_key_env(folder, os.environ)
        | {
            "KINOLOG_NATS_URL": running.addresses["nats"],
            "KINOLOG_NATS_USER": user.value,
            "KINOLOG_NATS_PASSWORD": passwords[user.value],
            "KINOLOG_DATABASE_URL": database,
        }
    )
