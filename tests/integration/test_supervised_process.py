"""A supervised process, without a stack."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from stat import S_IMODE

from kinolog_stack.errors import StartError
from kinolog_stack.processes.answers import WaitOn
from kinolog_stack.processes.child_process import ChildCommand, log_excerpt, spawn
from kinolog_stack.processes.program import Program
from kinolog_stack.processes.supervised_process import SupervisedProcess
from kinolog_stack.processes.watchdog import Watchdog
from tests.fixtures.programs import started
from tests.fixtures.threads import background_thread


class WaitingProgram(Program):
    """A child that waits until it is ended."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "waiting.log"

    def start(self) -> None:
        """Start it."""
        argv = [sys.executable, "-c", "import signal; signal.pause()"]
        self.child = spawn(ChildCommand(name="waiting", argv=argv, log_path=self._log))

    def responds(self, wait_on: WaitOn) -> bool:
        """It has no address."""
        return True


def test_a_terminal_that_is_gone_ends_no_supervision(tmp_path: Path) -> None:
    """A process is restarted also if the change cannot be printed, however often it ends."""

    def print_nowhere(process: SupervisedProcess) -> None:
        raise BrokenPipeError

    with started(SupervisedProcess("waiting", WaitingProgram(tmp_path), print_nowhere)) as supervised:
        for starts in (2, 3):
            supervised.kill()
            assert supervised.wait_started(starts)
    assert supervised.state == "stopped"


def test_a_process_whose_log_folder_was_deleted_is_restarted(tmp_path: Path) -> None:
    """A person or a cleaner deletes logs. The next start makes their folder again, for its owner alone."""
    logs = tmp_path / "logs"
    logs.mkdir()
    with started(SupervisedProcess("waiting", WaitingProgram(logs), lambda _: None)) as supervised:
        shutil.rmtree(logs)
        supervised.kill()
        assert supervised.wait_started(2)
    assert S_IMODE(logs.stat().st_mode) == 0o700
    assert (logs / "waiting.log").is_file()


class FailingQuestion(WaitingProgram):
    """A program whose first question fails, and which never answers."""

    questions = 0

    def responds(self, wait_on: WaitOn) -> bool:
        """Fail once."""
        self.questions += 1
        if self.questions == 1:
            raise OSError("too many open files")
        return False


def test_a_question_that_fails_ends_no_watch(tmp_path: Path) -> None:
    """A process that does not answer is killed and started again also after a question that could not be asked."""
    with (
        started(SupervisedProcess("waiting", FailingQuestion(tmp_path))) as supervised,
        background_thread(Watchdog(supervised, silent_seconds=0.0).run, "watchdog"),
    ):
        assert supervised.wait_started(2)


class StoppedStart(WaitingProgram):
    """A program whose second start is stopped by a signal before it serves."""

    starts = 0

    def start(self) -> None:
        """Start it. The second time wait for its end, as for a ready line that never comes."""
        super().start()
        self.starts += 1
        if self.starts == 2 and self.child is not None:
            self.child.signal(signal.SIGSTOP)
            raise StartError(f"ended with status {self.child.wait()} while it started")


def test_a_start_that_is_stopped_is_ended(tmp_path: Path) -> None:
    """A process that is stopped while it starts is killed and started again, long before its start is given up."""
    problems = list[str]()

    def on_change(process: SupervisedProcess) -> None:
        problems.append(process.problem)

    with (
        started(SupervisedProcess("waiting", StoppedStart(tmp_path), on_change)) as supervised,
        background_thread(Watchdog(supervised, silent_seconds=0.1).run, "watchdog"),
    ):
        supervised.kill()
        assert supervised.wait_started(2)
    assert [problem for problem in problems if problem.startswith("has not answered for")]


class RefusedStart(StoppedStart):
    """A program whose second start is refused by the program itself, with a reason."""

    def start(self) -> None:
        """Start it. The second time it writes why it cannot start, and ends."""
        self.starts += 1
        if self.starts != 2:
            WaitingProgram.start(self)
            return
        argv = [sys.executable, "-c", "import sys; sys.exit('the lists are damaged; run: mend')"]
        self.child = spawn(ChildCommand(name="waiting", argv=argv, log_path=self._log))
        raise StartError(f"ended with status {self.child.wait()} while it started.", log_excerpt(self._log))


def test_the_reason_of_a_process_that_does_not_start_is_known(tmp_path: Path) -> None:
    """What the process wrote last is its problem, which the doctor shows: it names the command that helps."""
    problems = list[str]()

    def on_change(process: SupervisedProcess) -> None:
        problems.append(process.problem)

    with started(SupervisedProcess("waiting", RefusedStart(tmp_path), on_change)) as supervised:
        supervised.kill()
        assert supervised.wait_started(2)
    assert "ended with status 1 while it started. the lists are damaged; run: mend" in problems
