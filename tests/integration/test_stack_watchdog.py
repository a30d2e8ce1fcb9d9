"""A process that runs and does not answer is killed and started again; one that is replaced is not."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import httpx
import pytest

from kinolog_stack.processes.supervised_process import SupervisedProcess
from kinolog_stack.processes.watchdog import Watchdog
from kinolog_stack.stack import Stack
from tests.fixtures.servers import temporary_folder
from tests.fixtures.small_stack import small_plan, small_settings

WATCHED = ["nats-server", "postgres", "projector", "api", "gateway"]


@pytest.fixture(scope="module")
def problems() -> list[str]:
    """What the stack says about the restarts of its processes."""
    return []


@pytest.fixture(scope="module")
def stack(problems: list[str]) -> Iterator[Stack]:
    """A running stack that tolerates little silence."""

    def on_change(process: SupervisedProcess) -> None:
        if process.state == "restarting":
            problems.append(f"{process.name} {process.problem}")

    with temporary_folder() as folder:
        settings = small_settings(folder / "data").model_copy(update={"silent_seconds": 2.0})
        with Stack(settings, make_plan=small_plan, on_change=on_change) as stack:
            yield stack


@pytest.mark.parametrize("name", WATCHED)
def test_a_frozen_process_is_started_again(stack: Stack, problems: list[str], name: str) -> None:
    """A process that is stopped by a signal is replaced by one that answers, and a plain line says why."""
    supervised = stack.process(name)
    before, starts = supervised.pid, supervised.starts
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    assert supervised.wait_started(starts + 1)
    assert supervised.pid not in (None, before)
    assert supervised.program.responds(lambda: True)
    assert [problem for problem in problems if problem.startswith(f"{name} has not answered for")]
    assert httpx.get(stack.addresses["gateway"]).status_code == 501


def test_processes_that_answer_are_left_alone(stack: Stack) -> None:
    """Questions that are answered, however often, end nothing."""
    starts = {name: process.starts for name, process in stack.processes.items()}
    for name in WATCHED:
        watchdog = Watchdog(stack.process(name), silent_seconds=0.0)
        for _ in range(3):
            watchdog.check(threading.Event())
    assert {name: process.starts for name, process in stack.processes.items()} == starts


def test_a_child_that_was_replaced_is_not_killed(stack: Stack) -> None:
    """A kill that comes too late ends nothing."""
    supervised = stack.process("worker-1")
    old, starts = supervised.program.child, supervised.starts
    assert old is not None
    supervised.kill()
    assert supervised.wait_started(starts + 1)
    supervised.kill_silent(old, "late")
    pid = supervised.pid
    assert pid is not None
    os.kill(pid, 0)


def test_no_silence_is_too_long_for_a_limit_of_zero(stack: Stack) -> None:
    """With KINOLOG_SILENT_SECONDS=0 there are no watchdogs; else there is one per process."""
    names = {thread.name for thread in threading.enumerate()}
    assert {f"watch-{name}" for name in stack.processes} <= names
