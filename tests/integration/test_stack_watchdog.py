"""A process that runs and does not answer is killed and started again; one that is replaced or asleep is not."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import httpx
import pytest

from kinolog_stack.processes import watchdog as module
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
    assert supervised.program.responds()
    assert [problem for problem in problems if problem.startswith(f"{name} does not answer since")]
    assert httpx.get(stack.addresses["gateway"]).status_code == 501


def test_processes_that_answer_are_left_alone(stack: Stack) -> None:
    """Questions that are answered, however often, end nothing."""
    starts = {name: process.starts for name, process in stack.processes.items()}
    for name in WATCHED:
        watchdog = Watchdog(stack.process(name), silent_seconds=0.0)
        for _ in range(3):
            watchdog.check(0.0)
    assert {name: process.starts for name, process in stack.processes.items()} == starts


class ScriptedProgram:
    """A program that never answers, on a child of this test."""

    def __init__(self, stack: Stack) -> None:
        self.child = stack.process("worker-1").program.child

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def responds(self) -> bool:
        """Never answer."""
        return False


@pytest.fixture
def silent(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> tuple[SupervisedProcess, list[str]]:
    """A process that never answers, and what a watchdog says when it kills it."""
    process, killed = SupervisedProcess("silent", ScriptedProgram(stack)), list[str]()
    process.state = "running"
    monkeypatch.setattr(process, "kill_silent", lambda child, why: killed.append(why))
    return process, killed


def ask(watchdog: Watchdog, now: list[float], *seconds: float) -> None:
    """Ask once after each of these pauses."""
    for pause in seconds:
        before = now[0]
        now[0] += pause
        watchdog.check(before)


def test_silence_adds_up_to_the_limit(silent: tuple[SupervisedProcess, list[str]]) -> None:
    """Only silence without an answer in between ends a process, and the next child begins again."""
    process, killed = silent
    now = [100.0]
    watchdog = Watchdog(process, 10.0, clock=lambda: now[0])
    ask(watchdog, now, 4.0, 4.0)
    assert not killed
    ask(watchdog, now, 4.0)
    assert killed == ["does not answer since 12 s"]
    ask(watchdog, now, 4.0, 4.0)
    assert len(killed) == 1


def test_a_suspended_machine_accuses_nobody(silent: tuple[SupervisedProcess, list[str]]) -> None:
    """A question that took an hour counts as a few seconds: the watchdog slept too."""
    process, killed = silent
    now = [100.0]
    ask(Watchdog(process, 10.0, clock=lambda: now[0]), now, 3_600.0)
    assert not killed


def test_a_process_that_computes_gets_more_time(
    silent: tuple[SupervisedProcess, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One long computation is not a freeze."""
    process, killed = silent
    now = [100.0]
    monkeypatch.setattr(module, "cpu_seconds", lambda child: now[0])
    watchdog = Watchdog(process, 10.0, clock=lambda: now[0])
    ask(watchdog, now, 5.0, 5.0, 5.0, 5.0)
    assert not killed
    ask(watchdog, now, 5.0, 5.0, 5.0)
    assert len(killed) == 1


def test_a_starting_process_is_not_asked(silent: tuple[SupervisedProcess, list[str]]) -> None:
    """A start has a time limit of its own."""
    process, killed = silent
    process.state = "restarting"
    now = [100.0]
    ask(Watchdog(process, 1.0, clock=lambda: now[0]), now, 5.0, 5.0)
    assert not killed


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
