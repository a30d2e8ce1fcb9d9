"""Group commit: few go singly, many go together, and everybody gets the own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from kinolog.adapters.jetstream.client.group_commit import GroupCommit, GroupLimits


class Writer:
    """Notes what is written, and holds each write back until it is let go."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []
        self.gate = asyncio.Event()
        self.started = asyncio.Event()
        self.fails = False

    async def one(self, item: int) -> str:
        return (await self.group([item]))[0]

    async def group(self, items: Sequence[int]) -> list[str]:
        self.writes.append(list(items))
        self.started.set()
        await self.gate.wait()
        if self.fails:
            raise OSError("the disk is full")
        return [f"wrote {item}" for item in items]


def _submit(coalescer: GroupCommit[int, str], items: Sequence[int]) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(coalescer.submit(item)) for item in items]


async def test_a_lone_item_is_written_at_once() -> None:
    """Without company an item goes by itself."""
    writer = Writer()
    writer.gate.set()
    coalescer = GroupCommit(writer.one, writer.group, GroupLimits(singly=2, together=10))
    assert await coalescer.submit(1) == "wrote 1"
    assert writer.writes == [[1]]


async def test_what_waits_is_written_together() -> None:
    """Behind two single writes the rest waits and goes in groups of the largest size allowed."""
    writer = Writer()
    coalescer = GroupCommit(writer.one, writer.group, GroupLimits(singly=2, together=5))
    tasks = _submit(coalescer, range(10))
    await writer.started.wait()
    writer.gate.set()
    assert await asyncio.gather(*tasks) == [f"wrote {number}" for number in range(10)]
    assert writer.writes == [[0], [1], [2, 3, 4, 5, 6], [7, 8, 9]]


async def test_a_failed_group_fails_its_members() -> None:
    """Those in the group get its error; the next item is written again."""
    writer = Writer()
    coalescer = GroupCommit(writer.one, writer.group, GroupLimits(singly=1, together=5))
    tasks = _submit(coalescer, range(3))
    await writer.started.wait()
    writer.fails = True
    writer.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [OSError] * 3
    writer.fails = False
    assert await coalescer.submit(9) == "wrote 9"


async def test_who_gives_up_disturbs_nobody() -> None:
    """A caller that is cancelled while it waits, or while it writes, keeps no other from being written."""
    writer = Writer()
    coalescer = GroupCommit(writer.one, writer.group, GroupLimits(singly=1, together=5))
    first, second, third = _submit(coalescer, range(3))
    await writer.started.wait()
    second.cancel()
    first.cancel()
    writer.gate.set()
    assert await third == "wrote 2"
    with pytest.raises(asyncio.CancelledError):
        await second
    await coalescer.close()
    assert writer.writes[0] == [0]
    assert 2 in writer.writes[1]


async def test_closing_waits_for_what_is_being_written() -> None:
    """After closing, every group has been written."""
    writer = Writer()
    coalescer = GroupCommit(writer.one, writer.group, GroupLimits(singly=1, together=2))
    tasks = _submit(coalescer, range(5))
    await writer.started.wait()
    writer.gate.set()
    await tasks[0]
    await coalescer.close()
    assert await asyncio.gather(*tasks) == [f"wrote {number}" for number in range(5)]
    assert writer.writes == [[0], [1, 2], [3, 4]]


async def _crowd(coalescer: GroupCommit[int, str], writer: Writer, items: int) -> None:
    """Let items come while the first of them is being written."""
    tasks = _submit(coalescer, range(items))
    await writer.started.wait()
    writer.gate.set()
    await asyncio.gather(*tasks)


async def test_in_a_crowd_the_next_group_is_gathered() -> None:
    """Behind a large group nobody goes singly: those who come in the next moment go together; then all is as before."""
    writer = Writer()
    coalescer = GroupCommit(writer.one, writer.group, GroupLimits(singly=1, together=9, crowd=4))
    await _crowd(coalescer, writer, 6)
    await asyncio.gather(*_submit(coalescer, range(10, 13)))
    await asyncio.gather(*_submit(coalescer, range(20, 22)))
    assert writer.writes == [[0], [1, 2, 3, 4, 5], [10, 11, 12], [20], [21]]


async def test_closing_writes_what_is_being_gathered() -> None:
    """What is still gathered when it closes is written at once."""
    writer = Writer()
    limits = GroupLimits(singly=1, together=9, crowd=2, gathering_seconds=60)
    coalescer = GroupCommit(writer.one, writer.group, limits)
    await _crowd(coalescer, writer, 3)
    (late,) = _submit(coalescer, [3])
    await asyncio.sleep(0)
    await coalescer.close()
    assert await late == "wrote 3"
    assert writer.writes == [[0], [1, 2], [3]]
