"""Work that a cancellation waits for."""

from __future__ import annotations

import asyncio

import pytest
from kinolog_projector.projection import uninterrupted as module
from kinolog_projector.projection.uninterrupted import uninterrupted


async def test_results_and_errors_are_passed_on() -> None:
    """Without a cancellation the result or the error of the work is that of the call."""

    async def answer() -> int:
        return 7

    async def fail() -> int:
        raise LookupError("no")

    assert await uninterrupted(answer()) == 7
    with pytest.raises(LookupError):
        await uninterrupted(fail())


async def test_a_cancellation_waits_for_the_end() -> None:
    """The work finishes, and then the cancellation is raised."""
    begun, proceed = asyncio.Event(), asyncio.Event()
    finished = []

    async def work() -> None:
        begun.set()
        await proceed.wait()
        finished.append(True)

    task = asyncio.create_task(uninterrupted(work()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    proceed.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert finished == [True]


async def test_endless_work_is_cancelled_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the maximum wait the work is cancelled."""
    monkeypatch.setattr(module, "MAX_WAIT_SECONDS", 0.01)
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(uninterrupted(work()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1
