"""A task of a test cannot fail unseen."""

from __future__ import annotations

import asyncio

import pytest

from tests.fixtures.tasks import background_task


async def _fail() -> None:
    raise LookupError("the reason")


async def test_a_failing_task_ends_the_wait_of_the_test() -> None:
    """A test that waits for something else fails at once with the exception of its task."""
    with pytest.raises(LookupError, match="the reason"):
        async with background_task(_fail()):
            await asyncio.Event().wait()


async def test_the_block_ends_its_task() -> None:
    """A task that goes on is cancelled at the end of the block, and the block ends well."""
    async with background_task(asyncio.Event().wait()) as task:
        await asyncio.sleep(0)
    assert task.cancelled()


async def test_a_failing_block_ends_its_task() -> None:
    """An exception of the block is raised as it is, and its task is cancelled."""
    with pytest.raises(KeyError):
        async with background_task(asyncio.Event().wait()) as task:
            raise KeyError("of the block")
    assert task.cancelled()


async def test_the_exception_of_a_task_that_nobody_awaits_is_found(lost_task_errors: list[str]) -> None:
    """A task that fails and is dropped leaves its traceback with the guard of every test."""
    task = asyncio.create_task(_fail())
    await asyncio.wait([task])
    del task
    (lost,) = lost_task_errors
    assert "LookupError: the reason" in lost
    lost_task_errors.clear()
