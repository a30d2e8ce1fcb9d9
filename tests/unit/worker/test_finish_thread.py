"""Files of a job are finished in a thread of their own while the next job is drawn."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from kinolog_worker.inference.inference_loop import InferenceLoop
from kinolog_worker.inference.messages import (
    Answer,
    CancelCommand,
    CancelledMessage,
    FailedMessage,
    FinishedMessage,
    LeavingMessage,
    LogLineMessage,
    RunCommand,
    SceneFile,
    SceneRenderedMessage,
    StageStartedMessage,
    TaggedMessage,
)
from kinolog_worker.inference.model_cache import LoadedModel, ModelCache
from kinolog_worker.inference.postprocess.finish_thread import (
    LOWER_PRIORITY,
    FinishThread,
    JobFinishes,
)
from kinolog_worker.renderers.renderer import ModelSource

from tests.builders.render_jobs import card_job
from tests.fixtures.threads import background_thread
from tests.fixtures.waits import wait_until
from tests.renderers.testcard import TestcardRenderer

M = TypeVar("M")

WAIT_SECONDS = 60.0


class HeldCard(ModelCache):
    """Holds a test card. Its device is lost if `is_lost`."""

    is_lost = False

    def __init__(self) -> None:
        super().__init__("cpu")

    def load(self, model: ModelSource) -> LoadedModel:
        """Return a test card with the options of the model."""
        renderer = TestcardRenderer()
        return LoadedModel(renderer, renderer.load(model, "cpu"), cached=False)

    def has_lost_device(self) -> bool:
        """Return whether it is said to be lost."""
        return self.is_lost


class HeardLoop(InferenceLoop):
    """A loop whose answers are put into a list."""

    def __init__(self, connection: socket.socket) -> None:
        self.answers: list[Answer] = []
        super().__init__(connection, HeldCard())
        self.gate = threading.Event()

    def send(self, answer: Answer) -> None:
        """Note the answer."""
        self.answers.append(answer)

    def run(self, *commands: RunCommand) -> None:
        """Receive these commands, and draw their jobs."""
        for command in commands:
            self._accept(command)
        for _ in commands:
            self.run_next(WAIT_SECONDS)

    def hold_finishes(self) -> None:
        """Finish no files before the `gate` is set."""
        self._finish.submit(lambda: self.gate.wait(WAIT_SECONDS))

    def finished(self) -> None:
        """Finish all files."""
        self.gate.set()
        self._finish.end()

    def of(self, run_id: int, kind: type[M]) -> list[M]:
        """Return the answers of this kind about a run."""
        messages = [
            each.message for each in self.answers if isinstance(each, TaggedMessage) and each.run_id == run_id
        ]
        return [message for message in messages if isinstance(message, kind)]


@pytest.fixture
def loop() -> Iterator[HeardLoop]:
    """A loop without a supervisor."""
    here, there = socket.socketpair()
    with here, there:
        loop = HeardLoop(here)
        yield loop
        loop.finished()


def command(folder: Path, run_id: int, prompt: str = "A star.") -> RunCommand:
    """Return the command to render a job."""
    job = card_job(folder / str(run_id), prompt, 24)
    return RunCommand(run_id=run_id, job=replace(job, job_id=f"job-{run_id}"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the jobs."""
    (tmp_path / "jobs").mkdir()
    return tmp_path / "jobs"


def test_the_next_job_is_drawn_before_the_last_one_is_finished(loop: HeardLoop, folder: Path) -> None:
    """Each run has its own closing message, in their order, after all its scenes."""
    loop.hold_finishes()
    loop.run(command(folder, 1), command(folder, 2))
    for number in (1, 2):
        stages = [stage.stage for stage in loop.of(number, StageStartedMessage)]
        assert stages[-1] == "assemble"
        assert not loop.of(number, FinishedMessage)
    loop.finished()
    closing = [
        each.run_id
        for each in loop.answers
        if isinstance(each, TaggedMessage) and isinstance(each.message, FinishedMessage)
    ]
    assert closing == [1, 2]
    assert [len(loop.of(number, SceneRenderedMessage)) for number in (1, 2)] == [1, 1]


def test_a_scene_is_drawn_while_the_one_before_is_finished(loop: HeardLoop, folder: Path) -> None:
    """A third one would wait for the first: at most one scene waits to be finished."""
    loop.hold_finishes()
    run = command(folder, 1, "A star. Then a ring. Then a box.")
    with background_thread(lambda _: loop.run(run), "drawing"):
        wait_until(lambda: len(loop.of(1, StageStartedMessage)) == 7, "the second scene is drawn")
        assert not loop.of(1, SceneRenderedMessage)
        loop.gate.set()
    loop.finished()
    assert [scene.file.index for scene in loop.of(1, SceneRenderedMessage)] == [0, 1, 2]
    assert loop.of(1, FinishedMessage)


def test_a_job_that_waits_is_cancelled_at_once(loop: HeardLoop, folder: Path) -> None:
    """It is not drawn later. One that is being finished ends as cancelled, and leaves nothing for the next run."""
    waits, finishes = command(folder, 1), command(folder, 2)
    loop._accept(waits)
    loop._accept(CancelCommand(run_id=1))
    assert loop.of(1, CancelledMessage)
    loop.hold_finishes()
    loop._accept(finishes)
    loop.run_next(WAIT_SECONDS)
    loop.run_next(WAIT_SECONDS)
    loop._accept(CancelCommand(run_id=2))
    loop.finished()
    assert [loop.of(number, StageStartedMessage) != [] for number in (1, 2)] == [False, True]
    assert loop.of(2, CancelledMessage)
    assert not loop.of(2, FinishedMessage)
    assert not loop._cancelled


def test_files_are_finished_before_a_process_without_its_device_leaves(
    loop: HeardLoop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor waits but seconds for the exit of a process that has said that it leaves."""

    def leave(code: int) -> None:
        raise SystemExit(code)

    def draw(_: threading.Event) -> None:
        with suppress(SystemExit):
            loop.run(command(folder, 2))

    monkeypatch.setattr(os, "_exit", leave)
    loop.hold_finishes()
    loop.run(command(folder, 1))
    loop._cancelled.add(2)
    monkeypatch.setattr(HeldCard, "is_lost", True)
    with background_thread(draw, "drawing"):
        wait_until(lambda: loop._finish._executor._shutdown, "it waits for the files")
        loop.gate.set()
    kinds = [type(each.message if isinstance(each, TaggedMessage) else each) for each in loop.answers]
    assert kinds[-3:] == [FinishedMessage, LeavingMessage, CancelledMessage]


def test_an_error_of_the_finish_ends_its_own_job(loop: HeardLoop, folder: Path) -> None:
    """A scene whose file is gone cannot be finished; the next job is."""
    first = command(folder, 1)
    loop.hold_finishes()
    loop.run(first, command(folder, 2))
    (first.job.folder / "scene-0000.part").unlink()
    loop.finished()
    (failed,) = loop.of(1, FailedMessage)
    assert isinstance(failed, FailedMessage)
    assert (failed.job_id, failed.retryable) == ("job-1", True)
    assert loop.of(2, FinishedMessage)


def test_log_lines_go_to_the_job_that_they_are_about(
    loop: HeardLoop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is logged while files are finished is not shown to the owner of the job that is drawn meanwhile."""
    run = command(folder, 1)
    lost = SceneFile(index=0, path=folder / "lost.mp4", sha256="", frames=24, size_bytes=1)
    run = replace(run, job=replace(run.job, finished_scenes=(lost,)))
    lines: list[tuple[str, str]] = []
    loop.hold_finishes()
    finishes = JobFinishes(loop._finish, lambda level, text: lines.append((level, text)))
    send, told = loop.send, threading.Event()

    def send_when_told(answer: Answer) -> None:
        """Let the other job's line be logged while this one is drawn."""
        if not loop.gate.is_set():
            loop.gate.set()
            told.wait(WAIT_SECONDS)
        send(answer)

    def log() -> None:
        logging.getLogger("kinolog_worker.x").warning("about another job")
        told.set()

    finishes.submit(log)
    monkeypatch.setattr(loop, "send", send_when_told)
    loop.run(run)
    loop.finished()
    assert lines == [("WARNING", "about another job")]
    drawn = [line.text for line in loop.of(1, LogLineMessage)]
    assert drawn == ["scene 1 of an earlier attempt cannot be used again"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the priority is that of the whole process")
def test_the_thread_has_a_lower_priority_than_its_process() -> None:
    """It is lower by as much whatever that of the process is, and the process has its own still."""
    thread = FinishThread()
    try:
        priority = thread.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        assert priority.result(WAIT_SECONDS) == min(19, own + LOWER_PRIORITY)
    finally:
        thread.end()
