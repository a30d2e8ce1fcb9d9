"""Paused lanes: the facts about them, the alarm, and the tickets beside them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from kinolog_projector.dispatch.queue_pauses import ALARM, FollowedQueuePauses

from kinolog.access.api_key import AccessCommit
from kinolog.access.queue_pause import (
    WHOLE_QUEUE,
    QueueFact,
    QueuePaused,
    QueuePauses,
    QueueResumed,
    pause_id,
)
from kinolog.ids import new_id
from kinolog.job.values import Priority
from kinolog.ports.event_store import DamagedLog
from tests.adapters.memory.access_log import MemoryAccessLog
from tests.adapters.memory.alarms import MemoryAlarms
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until, until_true
from tests.unit.dispatch.fair_queue import FairQueue

AT = datetime(2026, 5, 6, tzinfo=UTC)


async def append(log: MemoryAccessLog, priority: str, fact: QueueFact, minute: int) -> None:
    """Append a fact about the pause of a lane."""
    book = QueuePauses()
    async for batch in log.read(0):
        for recorded in batch:
            book.apply(recorded)
    last = book.last(priority)
    commit = AccessCommit(
        key_id=pause_id(priority),
        command="pause_queue",
        command_id=new_id(),
        actor="ada",
        events=(fact,),
        at=AT + timedelta(minutes=minute),
        previous_position=last.position if last else 0,
        previous_hash=last.hash if last else b"",
    )
    await log.append(commit)


async def test_pauses_are_known_after_a_restart_and_as_they_come() -> None:
    """A pause of one lane, and of the whole queue beside it. The alarm says what stands and since when."""
    log, alarms = MemoryAccessLog(), MemoryAlarms()
    await append(log, "low", QueuePaused(reason="maintenance."), 1)
    pauses = FollowedQueuePauses(log, alarms)
    assert not pauses.known.is_set()
    async with background_task(pauses.run()):
        (alarm,) = await until(alarms.current, "the alarm")
        assert pauses.known.is_set()
        assert [each for each in Priority if pauses.is_paused(each)] == [Priority.LOW]
        assert (alarm.name, alarm.since) == (ALARM, AT + timedelta(minutes=1))
        assert alarm.text.startswith("Jobs of priority low are paused: maintenance. New jobs")
        await append(log, WHOLE_QUEUE, QueuePaused(reason=""), 2)
        await until_true(lambda: all(map(pauses.is_paused, Priority)), "all lanes are paused")
        for priority in ("low", WHOLE_QUEUE):
            await append(log, priority, QueueResumed(), 3)
        await until(alarms.current, "no alarm", lambda found: not found)
        assert not any(map(pauses.is_paused, Priority))


async def test_a_damaged_stream_keeps_no_job_from_its_start() -> None:
    """What it said before the damage holds."""
    log, alarms = MemoryAccessLog(), MemoryAlarms()
    await append(log, "low", QueuePaused(reason=""), 1)
    log.stored.append(b"no commit")
    pauses = FollowedQueuePauses(log, alarms)
    with pytest.raises(DamagedLog):
        await pauses.follow()
    assert pauses.known.is_set()
    assert pauses.is_paused(Priority.LOW)


async def test_a_paused_lane_holds_no_ticket() -> None:
    """Those in the lane are put beside it, new ones too, and later attempts. Other lanes go on. Restarts lose none."""
    queue = FairQueue()
    await queue.submit("a", 29)
    async with background_task(queue.issuer.run()):
        await queue.issuer.issue(replace(queue.ticket("a-29"), attempt=2))
        queue.pauses.paused.add(Priority.MEDIUM)
        await until_true(lambda: not queue.in_lane(), "the lane is empty")
        await queue.submit("b", 2)
        await queue.issuer.issue(replace(queue.ticket("c-0"), attempt=2))
        high = queue.ticket("d-0", Priority.HIGH)
        await queue.issuer.issue(high, first=True)
        assert queue.in_lane() == ["d-0"]
        assert len(await queue.issuer.outstanding()) == 34
        assert await queue.render(1) == ["d-0"]
    queue.issuer = queue.restarted()
    async with background_task(queue.issuer.run()):
        await queue.issuer.issue(queue.ticket("e-0"), first=True)
        assert not queue.in_lane()
        queue.pauses.paused.clear()
        rendered = await queue.render(34)
    assert rendered[0] == "c-0"
    assert len(set(rendered)) == 34


async def test_no_ticket_is_placed_before_the_pauses_are_known() -> None:
    """A dispatcher that starts would fill a paused lane otherwise, also once the queue was read for another reason."""
    queue = FairQueue()
    queue.pauses.known.clear()
    reading = asyncio.create_task(queue.issuer.outstanding())
    issuing = asyncio.create_task(queue.issuer.issue(queue.ticket("a-0"), first=True))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.shield(issuing)
    assert not reading.done()
    queue.pauses.known.set()
    await issuing
    await reading
    assert queue.in_lane() == ["a-0"]
