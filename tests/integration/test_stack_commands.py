"""`kinolog up` and `kinolog doctor` as processes: their output and their exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.fixtures.up_command import ROOT, UP, all_gone, processes_of, up_command
from tests.fixtures.waits import WAIT_SECONDS

RECEIVED_ELSEWHERE = """
import signal, sys, threading, time
from kinolog_cli.stop_signals import StopSignals
signals = StopSignals(None, interrupts=False)
signals.install()
main_thread = threading.get_ident()
def receive():
    looks = 0
    while looks < 20:  # the main thread had every chance to go on, and waits
        looks = looks + 1 if sys._current_frames()[main_thread].f_code.co_name == "wait" else 0
        time.sleep(0.01)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
threading.Thread(target=receive).start()
signals.stopping.wait()
"""


def _doctor(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, *UP, *options, "doctor", "--data", str(folder)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)


def test_up_reports_runs_and_stops_on_ctrl_c(data_folder: Path) -> None:
    """`up --json` prints where everything is; Ctrl-C ends it with status 0 and no process left."""
    with up_command(data_folder, "--json", "--port", "0", "--api-port", "0") as up:
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
    assert processes_of(data_folder) == []


def test_ctrl_c_while_it_starts(data_folder: Path) -> None:
    """Ctrl-C in the middle of a start ends what was started, with status 130."""
    with up_command(data_folder, "--port", "0", "--api-port", "0") as up:
        assert up.stderr is not None
        assert "nats-server runs" in up.stderr.readline()
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 130
    assert processes_of(data_folder) == []


def test_verbose_shows_the_logs_of_all(data_folder: Path) -> None:
    """`up --verbose` passes on what the processes log, each line with its name."""
    with up_command(data_folder, "--verbose", "--port", "0", "--api-port", "0") as up:
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
        with up_command(tmp_path, "--port", port) as up:
            output = up.communicate(timeout=WAIT_SECONDS)[1]
            assert up.returncode == 1
    assert port in output
    assert "--port (KINOLOG_GATEWAY_PORT)" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--workers", "65", "--workers: "),
        ("--port", "70000", "--port: "),
        ("--api-port", "-1", "--api-port: "),
        ("--devices", "toaster", "'toaster' is not a device"),
        ("--devices", "cuda:99", "no device cuda:99"),
    ],
)
def test_impossible_options_are_named(tmp_path: Path, option: str, value: str, named: str) -> None:
    """A value that cannot work ends `up` with status 2 and the name of the option, before anything is made."""
    with up_command(tmp_path / "data", option, value) as up:
        output = up.communicate(timeout=WAIT_SECONDS)[1]
        assert up.returncode == 2
    assert named in output
    assert not (tmp_path / "data").exists()


def test_a_model_without_its_folder_is_named(tmp_path: Path) -> None:
    """A model folder that does not exist ends `up` with status 2 and the folder, before anything is made."""
    env = {"KINOLOG_MODEL": str(tmp_path / "weights")}
    with up_command(tmp_path / "data", env=env) as up:
        output = up.communicate(timeout=WAIT_SECONDS)[1]
        assert up.returncode == 2
    assert str(tmp_path / "weights") in output
    assert not (tmp_path / "data").exists()


STUBBORN = {"SMALL_STUBBORN": "api"}
"""The small api ignores SIGTERM, and an orderly stop waits ten minutes for it."""


def test_the_second_ctrl_c_kills_at_once(data_folder: Path) -> None:
    """Of two Ctrl-C the second one waits for nobody: not while a process refuses to stop."""
    with up_command(data_folder, "--json", "--port", "0", "--api-port", "0", env=STUBBORN) as up:
        assert up.stdout is not None
        assert up.stderr is not None
        up.stdout.readline()
        up.send_signal(signal.SIGINT)
        _read_until(up.stderr, "stopping")
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 130
    assert all_gone(data_folder)


def test_the_second_ctrl_c_while_it_starts(data_folder: Path) -> None:
    """The second Ctrl-C kills also what was still starting."""
    env = STUBBORN | {"SMALL_SILENT": "api"}
    with up_command(data_folder, "--port", "0", "--api-port", "0", env=env) as up:
        assert up.stderr is not None
        _read_until(up.stderr, "projector runs")
        up.send_signal(signal.SIGINT)
        _read_until(up.stderr, "stopping")
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 130
    assert all_gone(data_folder)


def test_the_second_ctrl_c_while_a_server_comes_back(data_folder: Path) -> None:
    """The second Ctrl-C kills also a server that was being started again, and nothing starts afterwards."""
    with up_command(data_folder, "--json", "--port", "0", "--api-port", "0", env=STUBBORN) as up:
        assert up.stdout is not None
        assert up.stderr is not None
        up.stdout.readline()
        processes = json.loads((data_folder / "stack.json").read_text())["processes"]
        for name in ("nats-server", "postgres"):
            os.kill(processes[name]["pid"], signal.SIGKILL)
        _read_until(up.stderr, "starting it again")
        up.send_signal(signal.SIGINT)
        _read_until(up.stderr, "stopping")
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 130
    assert all_gone(data_folder)


def _read_until(lines: IO[str], text: str) -> None:
    assert any(text in line for line in lines), f"{text!r} was not printed"


def test_a_signal_that_another_thread_receives() -> None:
    """The kernel gives a signal to any thread, as after a stop of the whole process. The one that waits is woken."""
    subprocess.run([sys.executable, "-c", RECEIVED_ELSEWHERE], cwd=ROOT, check=True, timeout=60)


def test_a_terminal_that_is_gone_is_no_error(data_folder: Path) -> None:
    """What nobody can read any more does not change how `up` stops."""
    with up_command(data_folder, "--port", "0", "--api-port", "0") as up:
        assert up.stderr is not None
        _read_until(up.stderr, "Ctrl-C stops it")
        up.stderr.close()
        up.send_signal(signal.SIGHUP)
        assert up.wait(60) == 0
    assert all_gone(data_folder)


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
