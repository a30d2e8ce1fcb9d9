"""The alarm about a log that answers reads and stores nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from kinolog_api.alarms.watched_writes import UNWRITABLE, WatchedWrites

from kinolog.job.commit import Commit
from kinolog.ports.event_store import Appended, LogUnavailable
from tests.adapters.memory.alarms import MemoryAlarms
from tests.builders.memory_jobs import MemoryJobs
from tests.fixtures.waits import until

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize("pause_seconds", [60.0, 3600.0])
async def test_rare_writes_raise_the_alarm_too(pause_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs an hour apart that the log does not store are enough: nothing showed meanwhile that it stores."""
    jobs, alarms, loop = MemoryJobs(), MemoryAlarms(), asyncio.get_running_loop()
    job_id = await jobs.submit("a red circle")
    (first,) = [recorded async for recorded in jobs.store.history(job_id)]
    writes = WatchedWrites(jobs.store, alarms, lambda: AT)

    async def unanswered(commit: Commit) -> Appended:
        raise LogUnavailable("timeout")

    monkeypatch.setattr(jobs.store, "append", unanswered)
    with pytest.raises(LogUnavailable):
        await writes.append(first.commit)
    assert not await alarms.current()
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + pause_seconds)
    with pytest.raises(LogUnavailable):
        await writes.append(first.commit)
    (alarm,) = await until(alarms.current, "the alarm", bool)
    assert alarm.name == UNWRITABLE
    await writes.close()
