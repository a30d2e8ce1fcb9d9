"""`kinolog up` and `kinolog doctor` as processes: their output and their exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from kinolog_stack.plan import STACK_MARK

ROOT = Path(__file__).resolve().parents[2]
COMMAND = """
import functools
import kinolog_stack.stack as stack
from kinolog_cli import stack_commands as commands
from tests.fixtures.small_stack import small_plan
import typer
stack.Stack = functools.partial(stack.Stack, make_plan=small_plan)
app = typer.Typer()
app.command()(commands.up)
app.command()(commands.doctor)
app()
"""


@contextmanager
def _up(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`kinolog up` with tiny services in the place of the real ones; killed if the test leaves it running."""
    argv = [sys.executable, "-c", COMMAND, "up", "--data", str(folder), "--workers", "1", *options]
    env = os.environ | {"KINOLOG_POSTGRES_FSYNC": "false"}
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _doctor(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", COMMAND, "doctor", "--data", str(folder), *options]
    return subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)


def _alive(folder: Path) -> list[str]:
    """Names of the processes that belong to the stack on `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(STACK_MARK) == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.name())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_up_reports_runs_and_stops_on_ctrl_c(data_folder: Path) -> None:
    """`up --json` prints where everything is; Ctrl-C ends it with status 0 and no process left."""
    with _up(data_folder, "--json", "--port", "0", "--api-port", "0") as up:
        assert up.stdout is not None
        report = json.loads(up.stdout.readline())
        assert report["state"] == "running"
        assert report["addresses"]["gateway"].startswith("http://127.0.0.1:")
        found = json.loads(_doctor(data_folder, "--json").stdout)
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
    status = {check["name"]: check["status"] for check in found["checks"]}
    assert status["nats-server"] == "ok"
    assert status["process worker-1"] == "ok"
    # The tiny services made neither streams nor tables, and the doctor sees it.
    assert (status["streams"], status["postgres"], found["healthy"]) == ("wrong", "wrong", False)
    assert _alive(data_folder) == []


def test_ctrl_c_while_it_starts(data_folder: Path) -> None:
    """Ctrl-C in the middle of a start ends what was started, with status 130."""
    with _up(data_folder, "--port", "0", "--api-port", "0") as up:
        assert up.stderr is not None
        assert "nats-server runs" in up.stderr.readline()
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 130
    assert _alive(data_folder) == []


def test_verbose_shows_the_logs_of_all(data_folder: Path) -> None:
    """`up --verbose` passes on what the processes log, each line with its name."""
    with _up(data_folder, "--verbose", "--port", "0", "--api-port", "0") as up:
        assert up.stderr is not None
        seen: set[str] = set()
        for line in up.stderr:
            if " | " in line:
                seen.add(line.split(" | ")[0])
            if {"nats-server", "postgres", "api", "gateway"} <= seen:
                break
        up.send_signal(signal.SIGTERM)
        rest = up.stderr.read()
        assert up.wait(60) == 0, rest
    assert {"nats-server", "postgres", "api", "gateway"} <= seen


def test_up_that_cannot_work_says_so(tmp_path: Path) -> None:
    """A taken port ends `up` with status 1, and a sentence with the port and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with _up(tmp_path, "--port", port) as up:
            output = up.communicate(timeout=60)[1]
            assert up.returncode == 1
    assert port in output
    assert "KINOLOG_GATEWAY_PORT" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(("option", "value"), [("--workers", "65"), ("--port", "70000")])
def test_impossible_settings_are_named(tmp_path: Path, option: str, value: str) -> None:
    """A setting out of range ends `up` with status 2 and its name, before anything is made."""
    with _up(tmp_path / "data", option, value) as up:
        output = up.communicate(timeout=60)[1]
        assert up.returncode == 2
    assert {"--workers": "KINOLOG_WORKERS: ", "--port": "KINOLOG_GATEWAY_PORT: "}[option] in output
    assert not (tmp_path / "data").exists()


def test_doctor_without_a_stack(tmp_path: Path) -> None:
    """Without a stack the doctor prints so and what to do, ends with status 1, and creates nothing."""
    done = _doctor(tmp_path / "data")
    assert done.returncode == 1
    assert "no stack runs" in done.stdout
    assert "kinolog up" in done.stdout
    assert not (tmp_path / "data").exists()


def test_doctor_of_a_damaged_folder(tmp_path: Path) -> None:
    """A folder that `up` refuses is wrong for the doctor too, and is not changed."""
    (tmp_path / "thesis.txt").write_text("mine")
    done = json.loads(_doctor(tmp_path, "--json").stdout)
    folder = next(check for check in done["checks"] if check["name"] == "data folder")
    assert folder["status"] == "wrong"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
