"""Work that a cancellation waits for."""

from __future__ import annotations

import asyncio

import pytest
from kinolog_projector.projection import uninterrupted as module
from kinolog_projector.projection.uninterrupted import uninterrupted


async def test_the_answer_and_the_error_come_through() -> None:
    """Undisturbed work is like any other."""

    async def answer() -> int:
        return 7

    async def fail() -> int:
        raise LookupError("no")

    assert await uninterrupted(answer()) == 7
    with pytest.raises(LookupError):
        await uninterrupted(fail())


async def test_a_cancellation_waits_for_the_end() -> None:
    """What was begun is finished, and the cancellation is not forgotten."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    finished = []

    async def work() -> None:
        begun.set()
        await go_on.wait()
        finished.append(True)

    task = asyncio.create_task(uninterrupted(work()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert finished == [True]


async def test_work_without_end_is_broken_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience has an end, and what is left is cancelled."""
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
