"""What counts as silence of a process: a late answer, time in which it computes, and a machine that was suspended."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kinolog_stack.processes.activity import Activity, is_held, is_stopped
from kinolog_stack.processes.answers import WaitOn, answers_http, answers_postgres
from kinolog_stack.processes.child_process import ChildCommand, ChildProcess, spawn
from kinolog_stack.processes.supervised_process import SupervisedProcess
from kinolog_stack.processes.watchdog import ACTIVE_SHARE, MOST_STEP_SECONDS, Watchdog
from tests.fixtures.waits import wait_until

LIMIT = 8.0
PAUSE = "import signal; print('ready', flush=True); signal.pause()"
SPIN = "print('ready', flush=True)\nwhile True: pass"
SPIN_BESIDE = f"import threading; threading.Thread(target=exec, args=({SPIN!r},)).start()"

Run = Callable[[str], ChildProcess]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Starts a script that prints a line when it is ready, and returns its child."""
    children = list[ChildProcess]()

    def start(script: str) -> ChildProcess:
        argv = [sys.executable, "-c", script]
        child = spawn(ChildCommand("script", argv, tmp_path / "script.log", capture_stdout=True))
        children.append(child)
        assert child.process.stdout is not None
        assert child.process.stdout.readline() == b"ready\n"
        return child

    yield start
    for child in children:
        child.kill()
        assert child.process.stdout is not None
        child.process.stdout.close()


class ScriptedAnswers:
    """A program on a real child whose questions take as long as the test says, on a clock of the test."""

    def __init__(self, child: ChildProcess) -> None:
        self.child: ChildProcess | None = child
        self.now = 100.0
        self.steps: list[float] = []
        """How long each wait of the next question takes, in seconds."""
        self.answer = False
        """Whether the next question is answered after its last wait."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def responds(self, wait_on: WaitOn) -> bool:
        """Wait as the test says."""
        for seconds in self.steps:
            self.now += seconds
            if not wait_on():
                return False
        return self.answer


class Watched:
    """A process whose silence a test scripts, and what its watchdog says when it kills it."""

    def __init__(self, child: ChildProcess, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program = ScriptedAnswers(child)
        self.killed = list[str]()
        process = SupervisedProcess("scripted", self.program)
        process.state = "running"
        monkeypatch.setattr(process, "kill_silent", lambda child, why: self.killed.append(why))
        self._watchdog = Watchdog(process, LIMIT, clock=lambda: self.program.now)
        self.ask(answer=True)

    def ask(self, *steps: float, answer: bool = False) -> None:
        """Ask once. The waits take `steps` seconds."""
        self.program.steps, self.program.answer = list(steps), answer
        self._watchdog.check(threading.Event())


@pytest.fixture
def watched(run: Run, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """A watched process that has just answered. It does nothing but what the test says."""
    child = run(PAUSE)
    monkeypatch.setattr(Activity, "seconds", lambda self, elapsed: 0.0)
    return Watched(child, monkeypatch)


def test_silence_adds_up_to_the_limit(watched: Watched) -> None:
    """A process is killed as soon as it has not answered for the limit, in one question or in several."""
    watched.ask(1.0, 1.0, 1.0, 1.0)
    watched.ask(1.0, 1.0, 1.0)
    assert not watched.killed
    watched.ask(1.0, 1.0, 1.0)
    assert watched.killed == ["has not answered for 8 s"]
    watched.ask(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert len(watched.killed) == 1


def test_a_late_answer_is_an_answer(watched: Watched) -> None:
    """A process that always takes seven of eight seconds is alive: a question is not given up before."""
    for _ in range(3):
        watched.ask(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, answer=True)
    assert not watched.killed


def test_a_suspended_machine_accuses_nobody(watched: Watched) -> None:
    """An hour between two looks counts as a few seconds: the watchdog slept too."""
    watched.ask(3_600.0)
    assert not watched.killed
    watched.ask(3_600.0, answer=True)
    watched.ask(*[1.0] * int(LIMIT - 1))
    assert not watched.killed


def test_time_in_which_a_process_is_active_counts_less(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that computes, or waits for a processor or a disk, gets three times as long."""
    monkeypatch.setattr(Activity, "seconds", lambda self, elapsed: elapsed)
    steps = int(LIMIT / ACTIVE_SHARE / MOST_STEP_SECONDS)
    watched.ask(*[MOST_STEP_SECONDS] * (steps - 1))
    assert not watched.killed
    watched.ask(*[MOST_STEP_SECONDS] * 2)
    assert watched.killed


def test_a_process_that_is_active_for_a_part_of_the_time(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the active part counts less, so that a little work does not hide a standstill."""
    monkeypatch.setattr(Activity, "seconds", lambda self, elapsed: elapsed / 4)
    watched.ask(*[1.0] * 9)
    assert not watched.killed
    watched.ask(1.0)
    assert watched.killed


def test_activity_of_a_process_that_waits(run: Run) -> None:
    """A process that waits for a signal does nothing."""
    child = run(PAUSE)
    activity = Activity(child.pid)
    wait_until(
        lambda: [activity.seconds(60.0) for _ in range(5)], "it stays idle", lambda all_: not any(all_)
    )


@pytest.mark.parametrize("script", [SPIN, SPIN_BESIDE], ids=["alone", "beside a thread that waits"])
def test_activity_of_a_process_that_computes(run: Run, script: str) -> None:
    """A process that computes, or would if it got a processor, is active all the time, in whatever thread."""
    child = run(script)
    activity = Activity(child.pid)
    for _ in range(10):
        assert is_held(child.pid)
        assert activity.seconds(5.0) == 5.0


def test_activity_of_a_process_that_is_stopped(run: Run) -> None:
    """A process that a signal stopped does nothing, however busy it was."""
    child = run(SPIN)
    activity = Activity(child.pid)
    child.signal(signal.SIGSTOP)
    wait_until(lambda: is_stopped(child.pid), "it is stopped")
    wait_until(lambda: is_held(child.pid), "its threads are stopped", lambda held: not held)
    activity.seconds(60.0)
    assert activity.seconds(60.0) == 0.0


def test_activity_of_a_process_that_is_gone(run: Run) -> None:
    """A process that has ended does nothing, and is not stopped."""
    child = run(PAUSE)
    child.kill()
    assert Activity(child.pid).seconds(60.0) == 0.0
    assert not is_stopped(child.pid)


class LateServer:
    """Accepts one client, and answers it when the test says so."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.asks = 0

    def wait_on(self) -> bool:
        """Answer the waiting client at the tenth look, after more than two seconds."""
        self.asks += 1
        if self.asks == 10:
            connection, _ = self._listener.accept()
            with connection:
                connection.sendall(b"N")
        return True

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


@pytest.fixture
def late_server() -> Iterator[LateServer]:
    """A server whose kernel accepts at once and which answers late."""
    server = LateServer()
    yield server
    server.close()


def test_a_question_waits_for_its_answer(late_server: LateServer) -> None:
    """One question waits as long as it is told to, over HTTP and to Postgres."""
    assert answers_http(f"http://127.0.0.1:{late_server.port}/health", late_server.wait_on)
    late_server.asks = 0
    assert answers_postgres("127.0.0.1", late_server.port, late_server.wait_on)


def test_a_question_is_given_up(late_server: LateServer) -> None:
    """A question without an answer ends when it is told to, and one to nobody ends at once."""
    assert not answers_postgres("127.0.0.1", late_server.port, lambda: False)
    late_server.close()
    assert not answers_postgres("127.0.0.1", late_server.port, lambda: True)
