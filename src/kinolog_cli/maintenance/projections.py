"""`kinolog projections`: maintain the read models where the database is.

These commands need the log and the database, not the gateway. They run the projector's program with the settings of
the environment, with those of the stack that runs on the data folder, or with its servers alone if it does not run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from kinolog.adapters.jetstream.subjects import Service
from kinolog.readmodel.roles import PROJECTOR_LOGIN
from kinolog_cli.context import command, wants_json
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.environment import service_environment
from kinolog_stack.errors import StartError
from kinolog_stack.servers.passwords import load_passwords
from kinolog_stack.settings import StackSettings

app = typer.Typer(
    help="Maintain the read models: check, rebuild, hash, migrate.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

DataOption = Annotated[Path | None, typer.Option("--data", help="Data folder (KINOLOG_DATA).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
@command
def rebuild(data: DataOption = None, as_json: JsonOption = False) -> ExitCode:
    """Rebuild the read models from the log beside the live ones, and swap them in."""
    return run_projector("rebuild", data, as_json)


@app.command("hash")
@command
def hash_(data: DataOption = None, as_json: JsonOption = False) -> ExitCode:
    """Print a hash of every table; two histories that are equal give equal hashes."""
    return run_projector("hash", data, as_json)


@app.command()
@command
def check(data: DataOption = None, as_json: JsonOption = False) -> ExitCode:
    """Compare the read models with a replay of the log, and the log with its archive. Exit code 1 if they differ."""
    return run_projector("check", data, as_json)


@app.command()
@command
def migrate(data: DataOption = None, as_json: JsonOption = False) -> ExitCode:
    """Bring the database to the version that this release needs."""
    return run_projector("migrate", data, as_json)


@app.command(hidden=True)
@command
def restore(data: DataOption = None, as_json: JsonOption = False) -> ExitCode:
    """Restore log, archive and read models of servers that the environment names; else use `kinolog restore`."""
    if data is not None or "KINOLOG_DATABASE_URL" not in os.environ:
        raise CommandFailed(ExitCode.USAGE, "use: kinolog restore")
    return run_projector("restore", data, as_json)


def run_projector(verb: str, data: Path | None, as_json: bool, *options: str) -> ExitCode:
    """Run a command of the projector's program. Its output goes through."""
    arguments = [verb, *(["--json"] if wants_json(as_json) else []), *options]
    if data is None and "KINOLOG_DATABASE_URL" in os.environ:
        return _run(arguments, dict(os.environ))
    settings = StackSettings(data=data) if data else StackSettings()
    folder = DataFolder(settings.data)
    running = folder.running()
    if running is None:
        return _run_alone(arguments, settings)
    if "postgres" not in running.addresses:
        text = f"kinolog on {folder.path} is {running.state}; try again when it runs"
        raise CommandFailed(ExitCode.UNREACHABLE, text)
    try:
        return _run(arguments, _environment(folder, running.addresses))
    except StartError as error:  # such as another master key than the one that `kinolog up` was given
        raise CommandFailed(ExitCode.FAILED, str(error)) from error


def _run(arguments: Sequence[str], env: Mapping[str, str]) -> ExitCode:
    argv = [sys.executable, "-P", "-m", "kinolog_projector", *arguments]
    done = subprocess.run(argv, env=env, check=False)  # our own program
    return ExitCode.OK if done.returncode == 0 else ExitCode.FAILED


def _run_alone(arguments: Sequence[str], settings: StackSettings) -> ExitCode:
    """Run it with the servers of a stack that does not run."""
    from kinolog_stack.recovery.stopped_stack import StoppedStack

    if not (settings.data / "layout.json").exists():
        raise CommandFailed(ExitCode.UNREACHABLE, f"{settings.data} is no data folder; give it with --data")
    try:
        with StoppedStack(settings) as stack:
            stack.postgres.start()
            stack.nats.start()
            return _run(arguments, stack.environment(Service.PROJECTOR))
    except StartError as error:
        raise CommandFailed(ExitCode.FAILED, str(error)) from error


def _environment(folder: DataFolder, addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the stack that runs on the data folder."""
    from kinolog_stack.servers.master_key import master_key_env
    from kinolog_stack.servers.postgres_server import DATABASE  # its driver is not installed everywhere

    passwords = load_passwords(folder.passwords, [Service.PROJECTOR.value, PROJECTOR_LOGIN])
    login = f"{PROJECTOR_LOGIN}:{passwords[PROJECTOR_LOGIN]}"
    database = f"postgresql://{login}@{addresses['postgres']}/{DATABASE}"
    return (
        service_environment(os.environ)
        | master_key_env(folder, os.environ)
        | {
            "KINOLOG_NATS_URL": addresses["nats"],
            "KINOLOG_NATS_USER": Service.PROJECTOR.value,
            "KINOLOG_NATS_PASSWORD": passwords[Service.PROJECTOR.value],
            "KINOLOG_DATABASE_URL": database,
            "KINOLOG_ARTIFACTS_URL": folder.artifacts.as_uri(),
        }
    )
