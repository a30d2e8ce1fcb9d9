"""Few items are written singly, many together, and each caller gets its own result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from kinolog.grouped_calls import GroupedCalls, GroupLimits
from tests.fixtures.waits import WAIT_SECONDS


class Writer:
    """Records the writes, and blocks each until `released` is set."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []
        self.released = asyncio.Event()
        self.started = asyncio.Event()
        self.fails = False

    async def one(self, item: int) -> str:
        return (await self.group([item]))[0]

    async def group(self, items: Sequence[int]) -> list[str]:
        self.writes.append(list(items))
        self.started.set()
        await self.released.wait()
        if self.fails:
            raise OSError("the disk is full")
        return [f"wrote {item}" for item in items]


def _submit(grouped: GroupedCalls[int, str], items: Sequence[int]) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(grouped.submit(item)) for item in items]


async def test_a_lone_item_is_written_at_once() -> None:
    """A lone item is written at once."""
    writer = Writer()
    writer.released.set()
    grouped = GroupedCalls(writer.one, writer.group, GroupLimits(max_single_calls=2, max_group_size=10))
    assert await grouped.submit(1) == "wrote 1"
    assert writer.writes == [[1]]


async def test_what_waits_is_written_together() -> None:
    """After two single writes the rest waits and is written in groups of the maximum size."""
    writer = Writer()
    grouped = GroupedCalls(writer.one, writer.group, GroupLimits(max_single_calls=2, max_group_size=5))
    tasks = _submit(grouped, range(10))
    await writer.started.wait()
    writer.released.set()
    assert await asyncio.gather(*tasks) == [f"wrote {number}" for number in range(10)]
    assert writer.writes == [[0], [1], [2, 3, 4, 5, 6], [7, 8, 9]]


async def test_a_failed_group_fails_its_members() -> None:
    """The members of a group get its error; the next item is written."""
    writer = Writer()
    grouped = GroupedCalls(writer.one, writer.group, GroupLimits(max_single_calls=1, max_group_size=5))
    tasks = _submit(grouped, range(3))
    await writer.started.wait()
    writer.fails = True
    writer.released.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [OSError] * 3
    writer.fails = False
    assert await grouped.submit(9) == "wrote 9"


async def test_a_group_with_too_few_answers_fails_the_others() -> None:
    """A write that answers for fewer items than it got leaves no caller waiting."""
    writer = Writer()

    async def forgetful(items: Sequence[int]) -> list[str]:
        return (await writer.group(items))[:1]

    grouped = GroupedCalls(writer.one, forgetful, GroupLimits(max_single_calls=1, max_group_size=5))
    tasks = _submit(grouped, range(3))
    await writer.started.wait()
    writer.released.set()
    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[:2] == ["wrote 0", "wrote 1"]
    assert isinstance(answers[2], ValueError)


async def test_a_cancelled_caller_delays_no_other() -> None:
    """A caller that is cancelled while it waits or writes does not stop the writes of the others."""
    writer = Writer()
    grouped = GroupedCalls(writer.one, writer.group, GroupLimits(max_single_calls=1, max_group_size=5))
    first, second, third = _submit(grouped, range(3))
    await writer.started.wait()
    second.cancel()
    first.cancel()
    writer.released.set()
    assert await third == "wrote 2"
    with pytest.raises(asyncio.CancelledError):
        await second
    await grouped.close()
    assert writer.writes[0] == [0]
    assert 2 in writer.writes[1]


async def test_closing_waits_for_what_is_being_written() -> None:
    """After closing, every group has been written."""
    writer = Writer()
    grouped = GroupedCalls(writer.one, writer.group, GroupLimits(max_single_calls=1, max_group_size=2))
    tasks = _submit(grouped, range(5))
    await writer.started.wait()
    writer.released.set()
    await tasks[0]
    await grouped.close()
    assert await asyncio.gather(*tasks) == [f"wrote {number}" for number in range(5)]
    assert writer.writes == [[0], [1, 2], [3, 4]]


async def _crowd(grouped: GroupedCalls[int, str], writer: Writer, items: int) -> None:
    """Submit items while the first of them is being written."""
    tasks = _submit(grouped, range(items))
    await writer.started.wait()
    writer.released.set()
    await asyncio.gather(*tasks)


async def test_after_a_large_group_the_next_one_is_collected() -> None:
    """After a large group the items of the next moment are written together, later ones singly again."""
    writer = Writer()
    grouped = GroupedCalls(
        writer.one, writer.group, GroupLimits(max_single_calls=1, max_group_size=9, crowd_size=4)
    )
    await _crowd(grouped, writer, 6)
    await asyncio.gather(*_submit(grouped, range(10, 13)))
    await asyncio.gather(*_submit(grouped, range(20, 22)))
    assert writer.writes == [[0], [1, 2, 3, 4, 5], [10, 11, 12], [20], [21]]


async def test_closing_writes_what_is_being_collected() -> None:
    """Items that are being collected are written on close."""
    writer = Writer()
    limits = GroupLimits(max_single_calls=1, max_group_size=9, crowd_size=2, collection_seconds=60)
    grouped = GroupedCalls(writer.one, writer.group, limits)
    await _crowd(grouped, writer, 3)
    (late,) = _submit(grouped, [3])
    await asyncio.sleep(0)
    await grouped.close()
    assert await late == "wrote 3"
    assert writer.writes == [[0], [1, 2], [3]]
