"""The `kinolog` command without a server: its table of commands, its start, and invalid settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from kinolog_cli.app import COMMANDS, app
from kinolog_cli.context import command
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack.data_folder import DataFolder, RunningStack

HEAVY = (
    "httpx",
    "pydantic",
    "websockets",
    "rich",
    "kinolog_client",
    "kinolog_stack",
    "kinolog.process.settings",
)
IMPORTS = """
import sys
from kinolog_cli.app import app
try:
    app(["--version"])
except SystemExit:
    sys.stderr.write(" ".join(sys.modules))
"""


def test_every_command_is_defined() -> None:
    """The help lists every command of the table, and each command has a help of its own."""
    runner = CliRunner()
    listed = runner.invoke(app, ["--help"]).output.partition("Commands:")[2]
    for name in COMMANDS:
        assert f"\n  {name} " in listed
        own = runner.invoke(app, [name, "--help"])
        assert own.exit_code == 0, own.output
        assert own.output.startswith(f"Usage: kinolog {name} ")


def _functions() -> Iterator[tuple[str, Callable[..., None]]]:
    """Yield the functions of all commands, those of groups included."""
    for name, place in COMMANDS.items():
        module, _, attribute = place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            for one in found.registered_commands:
                if one.callback is not None:
                    yield name, one.callback
        else:
            yield name, found


def test_every_command_ends_with_an_error_text() -> None:
    """No command ends with a traceback: all have the decorator that prints errors. Those of the stack print theirs."""
    bare = {name for name, function in _functions() if not hasattr(function, "__wrapped__")}
    assert bare == {"up", "doctor"}


def test_a_missing_library_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that needs more than is installed says what to install. A fault of kinolog itself stays a traceback."""

    @command
    def needing(library: str) -> None:
        import_module(library)

    with pytest.raises(typer.Exit) as ended:
        needing("nobody_has_this")
    assert ended.value.exit_code == ExitCode.FAILED
    assert (
        "nobody_has_this is not installed; install it with: pip install 'kinolog[all]'"
        in capsys.readouterr().err
    )
    with pytest.raises(ModuleNotFoundError):
        needing("kinolog.nowhere")


def test_a_misspelt_command_is_corrected() -> None:
    """An unknown command is refused with the nearest known one."""
    done = CliRunner().invoke(app, ["joobs"])
    assert done.exit_code == ExitCode.USAGE
    assert "Did you mean 'jobs'?" in done.output


@pytest.mark.parametrize("options", [["--trust", "log"], ["--new-database"]])
def test_a_restore_of_a_backup_ignores_no_option(tmp_path: Path, options: list[str]) -> None:
    """What would have no effect is refused, and nothing is made."""
    data = tmp_path / "data"
    done = CliRunner().invoke(app, ["restore", "--from", str(tmp_path), "--data", str(data), *options])
    assert done.exit_code == ExitCode.USAGE
    assert "leave --trust and --new-database away" in done.stderr
    assert not data.exists()


def test_a_master_key_that_only_the_stack_was_given_is_named(tmp_path: Path) -> None:
    """A command beside a running stack needs the same setting; without it the error says so."""
    folder = DataFolder(tmp_path / "data")
    folder.open()
    try:
        folder.master_key_id.write_text("0123456789abcdef\n", encoding="ascii")
        addresses = {"nats": "nats://127.0.0.1:1", "postgres": "127.0.0.1:1"}
        folder.write_state(RunningStack(pid=os.getpid(), state="running", addresses=addresses))
        done = CliRunner().invoke(app, ["backup", str(tmp_path / "backup"), "--data", str(folder.path)])
    finally:
        folder.close()
    assert done.exit_code == ExitCode.FAILED
    assert "name its place with KINOLOG_MASTER_KEY_FILE" in done.stderr


def test_the_version_needs_no_command() -> None:
    """`kinolog --version` imports no command, and none of the libraries that only commands need."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("kinolog ")
    assert not set(HEAVY) & set(done.stderr.split())


@pytest.mark.parametrize(
    "arguments", [["up", "--data", "data"], ["doctor", "--data", "data"], ["demo", "x", "-o", "film.mp4"]]
)
def test_a_current_folder_that_was_deleted(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path in a folder that is gone is wrong usage, in one line."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == ExitCode.USAGE, done.output
    assert "No such file or directory" in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["jobs"], ["up"], ["doctor"], ["demo", "bars"], ["projections", "hash"], ["tui", "--demo"]]
)
@pytest.mark.parametrize("url", [[], ["--url", "http://127.0.0.1:9"]])
def test_an_invalid_setting_is_one_line(
    arguments: list[str], url: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command ends with status 2 and one line that names the variable, not its value."""
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KINOLOG_LOG_FORMAT", "yaml")
    done = CliRunner().invoke(app, [*url, *arguments])
    assert done.exit_code == ExitCode.USAGE
    assert done.output == "KINOLOG_LOG_FORMAT: String should match pattern '^(text|json)$'\n"
    assert not (tmp_path / "data").exists()
