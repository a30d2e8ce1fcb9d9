"""Tasks are ended within a limit, also those that lose a cancellation, and started again after an error."""

from __future__ import annotations

import asyncio
import logging

import pytest

from kinolog.process import tasks as module
from kinolog.process.tasks import (
    BackgroundTasks,
    TaskCounts,
    end_tasks,
    errors_in,
    finish,
    first_error,
    keep_running,
    within,
)


async def _deaf(begun: asyncio.Event, cancellations: int) -> None:
    """Wait without end, and lose so many cancellations."""
    begun.set()
    for _ in range(cancellations):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
    await asyncio.Event().wait()


async def _started(cancellations: int) -> asyncio.Task[None]:
    begun = asyncio.Event()
    task = asyncio.create_task(_deaf(begun, cancellations), name="a deaf task")
    await begun.wait()
    return task


@pytest.fixture(autouse=True)
def short_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancel again after a moment."""
    monkeypatch.setattr(module, "REPEAT_SECONDS", 0.01)


async def test_a_lost_cancellation_is_repeated() -> None:
    """A task that loses two cancellations is ended by the third."""
    task = await _started(2)
    await end_tasks((task,))
    assert task.cancelled()


async def test_errors_of_ended_tasks_are_dropped() -> None:
    """Tasks that had failed before, or fail while they end, raise nothing."""

    async def fail() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("while it ended")

    failing = asyncio.create_task(fail())
    await asyncio.sleep(0)
    failed = asyncio.create_task(asyncio.sleep(0, "result"))
    await end_tasks((failing, failed))
    assert isinstance(failing.exception(), LookupError)


async def test_a_task_that_does_not_end_is_abandoned_with_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    """The wait has an end; the log names the task and its line, and the count of the metrics grows."""
    before = TaskCounts.abandoned
    task = await _started(1_000)
    with caplog.at_level(logging.ERROR, "kinolog"):
        await end_tasks((task,), seconds=0.05)
    (record,) = caplog.records
    assert not task.done()
    assert "is abandoned" in record.getMessage()
    assert record.__dict__["task"] == "a deaf task"
    assert "test_ended_tasks.py" in record.__dict__["waits_at"]
    assert TaskCounts.abandoned == before + 1
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)


async def test_a_cancelled_caller_waits_for_the_end_first() -> None:
    """A cancellation of the caller does not leave the tasks running."""
    task = await _started(3)
    ending = asyncio.create_task(end_tasks((task,)))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert task.cancelled()


async def test_work_finishes_although_the_caller_is_cancelled_repeatedly() -> None:
    """Every cancellation of the caller waits until the work has finished."""
    proceed = asyncio.Event()
    work = asyncio.create_task(proceed.wait())
    finishing = asyncio.create_task(finish(work, 30.0))
    for _ in range(3):
        await asyncio.sleep(0)
        finishing.cancel()
    assert not finishing.done()
    proceed.set()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    assert work.result() is True


async def test_work_that_does_not_finish_is_ended() -> None:
    """After the limit the work is cancelled."""
    work = asyncio.create_task(asyncio.Event().wait())
    await finish(work, 0.01)
    assert work.cancelled()


async def test_failed_work_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    """Work that fails or returns is started again; the error is in the log."""
    runs: list[int] = []
    reached = asyncio.Event()

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) == 3:
            reached.set()
        if len(runs) == 1:
            raise LookupError("the first run")

    running = asyncio.create_task(keep_running("the work", work, 0.0))
    await reached.wait()
    await end_tasks((running,))
    assert "the work failed" in caplog.text


async def test_background_tasks_are_awaited_at_the_end() -> None:
    """What is started in the background is held until it ends."""
    background, done = BackgroundTasks(), asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    background.start(work())
    await background.ended()
    assert done.is_set()
    assert len(background) == 0


async def test_a_limit_does_not_wait_for_work_that_does_not_end() -> None:
    """After the limit the caller goes on at once, and the work, which loses cancellations, ends in the background."""
    endings, begun = BackgroundTasks(), asyncio.Event()
    with pytest.raises(TimeoutError):
        await within(0.01, _deaf(begun, 2), endings)
    assert begun.is_set()
    assert len(endings) == 1
    await endings.ended()
    assert await within(30.0, asyncio.sleep(0, "result"), endings) == "result"


def test_an_error_is_found_in_groups() -> None:
    """The first error of the first kind that there is, however deep it is."""
    values, keys = ValueError("a"), [KeyError("b"), KeyError("c")]
    group = BaseExceptionGroup("outer", [values, ExceptionGroup("inner", [keys[0]]), keys[1]])
    assert list(errors_in(group)) == [values, *keys]
    assert first_error(group, (KeyError, ValueError)) is keys[0]
    assert first_error(group, (OSError, ValueError)) is values
    assert first_error(group, (OSError,)) is None
    assert first_error(values, (Exception,)) is values
