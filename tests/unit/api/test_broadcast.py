"""WatchBroadcast: one reader for all watchers, which recovers from every error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kinolog_api.rpc.tenants import TenantLookup
from kinolog_api.watch import broadcast as broadcast_module
from kinolog_api.watch.broadcast import WatchBroadcast
from kinolog_api.watch.encoded_messages import ProgressKind
from kinolog_api.watch.watcher import Watcher, WatchFilter

from kinolog.command_handler import CommandHandler
from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.names import stored_name
from kinolog.job.values import Stage
from kinolog.ports.progress import Progress, ProgressUpdate
from kinolog.privacy.sealer import Sealer
from kinolog.v1 import job_service_pb2 as pb
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.keys import MemoryKeyStore
from tests.adapters.memory.progress import MemoryProgressFeed
from tests.builders.jobs import sealed_spec, submit
from tests.builders.ticking_clock import TickingClock
from tests.fixtures.waits import WAIT_SECONDS

ALL = WatchFilter(tenant="default")


class BroadcastHarness:
    """A broadcast over memory."""

    def __init__(self) -> None:
        self.store, self.keys = MemoryEventStore(), MemoryKeyStore()
        self.progress = MemoryProgressFeed()
        self.broadcast = WatchBroadcast(self.store, self.keys, self.progress, TenantLookup(self.store))
        self._number = 0

    async def submit(self, *, broken: bool = False) -> str:
        """Store a job. A broken job is sealed under a key that is not its own."""
        self._number += 1
        job_id = f"{self._number:026d}"
        await self.keys.create({job_id: b"k" * 32})
        sealer = Sealer(job_id, (b"x" if broken else b"k") * 32)
        command = submit(job_id, spec=sealed_spec(sealer, f"job {self._number}"))
        await CommandHandler(self.store, TickingClock()).handle(job_id, command)
        return job_id

    async def received(self, watcher: Watcher, number: int) -> list[pb.WatchJobsResponse]:
        """Return the next commits that a watcher receives."""
        found: list[pb.WatchJobsResponse] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while len(found) < number:
                pending = await watcher.take()
                found += [pb.WatchJobsResponse.FromString(message.encoded) for message in pending.commits]
        return found


@pytest.fixture
async def harness() -> AsyncIterator[BroadcastHarness]:
    """A broadcast over memory."""
    harness = BroadcastHarness()
    yield harness
    await harness.broadcast.close()


async def test_a_job_that_cannot_be_unsealed_does_not_stop_the_stream(harness: BroadcastHarness) -> None:
    """A job that cannot be unsealed is sent without its prompt. Later jobs are not affected."""
    watcher = await harness.broadcast.attach(ALL)
    await harness.submit(broken=True)
    await harness.submit()
    received = await harness.received(watcher, 2)
    assert [message.job.spec.prompt for message in received] == ["", "job 2"]


async def test_a_failed_reader_continues(harness: BroadcastHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error the reader continues where it failed: each commit is sent once."""
    monkeypatch.setattr(broadcast_module, "RETRY_SECONDS", 0.0)
    follow = harness.store.follow
    breaks = [True]

    async def breaking(after: int) -> AsyncIterator[Any]:
        async for batch in follow(after):
            yield batch[:1] if breaks else batch
            if breaks:
                breaks.clear()
                raise RuntimeError("the feed broke")

    monkeypatch.setattr(harness.store, "follow", breaking)
    watcher = await harness.broadcast.attach(ALL)
    for _ in range(3):
        await harness.submit()
    assert [message.position for message in await harness.received(watcher, 3)] == [1, 2, 3]


async def test_unavailable_keys_delay_the_stream(
    harness: BroadcastHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While keys cannot be read no commit is sent sealed. Afterwards all commits are sent unsealed."""
    monkeypatch.setattr(broadcast_module, "RETRY_SECONDS", 0.0)
    get_many, calls = harness.keys.get_many, 0

    async def unavailable_at_first(job_ids: Any) -> dict[str, bytes]:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ConnectionError
        return await get_many(job_ids)

    monkeypatch.setattr(harness.keys, "get_many", unavailable_at_first)
    watcher = await harness.broadcast.attach(ALL)
    await harness.submit()
    assert [message.job.spec.prompt for message in await harness.received(watcher, 1)] == ["job 1"]


async def test_a_watcher_that_attaches_while_a_batch_is_unsealed(
    harness: BroadcastHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watcher that attaches while a batch is unsealed receives the whole batch, because it starts before it."""
    get_many, unsealing, proceed = harness.keys.get_many, asyncio.Event(), asyncio.Event()

    async def slowly(job_ids: Any) -> dict[str, bytes]:
        unsealing.set()
        await proceed.wait()
        return await get_many(job_ids)

    monkeypatch.setattr(harness.keys, "get_many", slowly)
    first = await harness.broadcast.attach(ALL)
    job_id = await harness.submit()
    await unsealing.wait()
    position = harness.broadcast.position
    second = await harness.broadcast.attach(WatchFilter(tenant="default", job_id=job_id))
    other = await harness.broadcast.attach(WatchFilter(tenant="other"))
    proceed.set()
    for watcher in (first, second):
        assert [message.position for message in await harness.received(watcher, 1)] == [position + 1]
    assert other.take_now().commits == []


async def test_the_readers_run_while_a_watcher_is_attached(harness: BroadcastHarness) -> None:
    """The readers stop with the last watcher and start again at the end of the log with the next one."""
    watcher = await harness.broadcast.attach(ALL)
    await harness.submit()
    await harness.received(watcher, 1)
    harness.broadcast.detach(watcher)
    await harness.submit()
    later = await harness.broadcast.attach(ALL)
    assert harness.broadcast.position == 2
    await harness.submit()
    assert [message.position for message in await harness.received(later, 1)] == [3]


def progress(job_id: str, step: int) -> Progress:
    """Return the progress of a job at a step."""
    return Progress(
        job_id=job_id,
        attempt=1,
        at=TickingClock()(),
        worker="worker-1",
        stage=Stage.DENOISE,
        scene=0,
        scenes=1,
        step=step,
        steps=20,
        percent=5.0 * step,
    )


async def test_progress_is_delivered_that_is_older_than_its_reader(
    harness: BroadcastHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that is published after a watcher attached, before the feed is followed, is not lost."""
    follow, begins = harness.progress.follow, asyncio.Event()

    async def late(job_id: str | None = None, after: int | None = None) -> AsyncIterator[ProgressUpdate]:
        await begins.wait()
        async for update in follow(job_id, after):
            yield update

    monkeypatch.setattr(harness.progress, "follow", late)
    job_id = await harness.submit()
    await harness.progress.publish(progress(job_id, step=1))
    watcher = await harness.broadcast.attach(
        WatchFilter(tenant="default", kinds=frozenset({ProgressKind.PROGRESS}))
    )
    await harness.progress.publish(progress(job_id, step=2))
    begins.set()
    async with asyncio.timeout(WAIT_SECONDS):
        (received,) = (await watcher.take()).updates
    assert pb.WatchJobsResponse.FromString(received.encoded).progress.step == 2


def test_events_have_their_stored_names() -> None:
    """Events have the names of the stored contract."""
    kinds = pb.DESCRIPTOR.pool.FindMessageTypeByName("kinolog.v1.Event").oneofs_by_name["kind"].fields
    names = {stored_name(kind) for kind in e.Event.__args__}
    assert names == {field.name for field in kinds}


async def test_an_unfinished_job_is_unsealed_once(
    harness: BroadcastHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later commits of a sent job are sent without reading its key again. An erased job has no prompt."""
    get_many, requested = harness.keys.get_many, list[str]()

    async def recording(key_ids: Any) -> dict[str, bytes]:
        requested.extend(key_ids)
        return await get_many(key_ids)

    monkeypatch.setattr(harness.keys, "get_many", recording)
    watcher = await harness.broadcast.attach(ALL)
    job_id = await harness.submit()
    await harness.received(watcher, 1)
    handler = CommandHandler(harness.store, TickingClock())
    prompts = []
    for command in (c.Prefetch(id="p", actor="a"), c.Cancel(id="q", actor="a"), c.Erase(id="r", actor="a")):
        await handler.handle(job_id, command)
        prompts += [message.job.spec.prompt for message in await harness.received(watcher, 1)]
    assert prompts == ["job 1", "job 1", ""]
    assert requested == [job_id]
