"""The hub: one follower for all watchers, which nothing stops for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kinolog_api.rpc.tenants import TenantLookup
from kinolog_api.watch import broadcast as hub_module
from kinolog_api.watch.broadcast import WatchBroadcast
from kinolog_api.watch.watcher import Watcher, WatchFilter

from kinolog.command_handler import CommandHandler
from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.names import stored_name
from kinolog.job.values import Priority, Spec
from kinolog.privacy.sealed_fields import PROMPT
from kinolog.privacy.sealer import Sealer
from kinolog.v1 import job_service_pb2 as pb
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.keys import MemoryKeyStore
from tests.adapters.memory.progress import MemoryProgressFeed
from tests.unit.api.running_api import ANSWER_SECONDS, TickingClock

ALL = WatchFilter("default")


class Scene:
    """A hub over memory."""

    def __init__(self) -> None:
        self.store, self.keys = MemoryEventStore(), MemoryKeyStore()
        self.broadcast = WatchBroadcast(self.store, self.keys, MemoryProgressFeed(), TenantLookup(self.store))
        self._number = 0

    async def submit(self, *, broken: bool = False) -> str:
        """Store a job; a broken one is sealed under another key than its own."""
        self._number += 1
        job_id = f"{self._number:026d}"
        await self.keys.create({job_id: b"k" * 32})
        sealed = Sealer(job_id, (b"x" if broken else b"k") * 32).seal(f"job {self._number}", PROMPT)
        spec = Spec(
            prompt=sealed,
            negative_prompt=None,
            model="m",
            model_class="m",
            width=64,
            height=64,
            frames=8,
            fps=8,
            steps=2,
            guidance=1.0,
            seed=1,
        )
        submit = c.Submit(
            id=f"s{job_id}",
            actor="a",
            tenant="default",
            request_id=job_id,
            body_hash=b"h",
            spec=spec,
            priority=Priority.LOW,
            max_attempts=1,
            scenes=(),
        )
        await CommandHandler(self.store, TickingClock()).handle(job_id, submit)
        return job_id

    async def told(self, watcher: Watcher, number: int) -> list[pb.WatchJobsResponse]:
        """The next commits that a watcher is handed."""
        found: list[pb.WatchJobsResponse] = []
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(found) < number:
                waiting = await watcher.take()
                found += [pb.WatchJobsResponse.FromString(message.encoded) for message in waiting.commits]
        return found


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A hub over memory."""
    scene = Scene()
    yield scene
    await scene.broadcast.close()


async def test_a_job_that_does_not_open_stops_nobody(scene: Scene) -> None:
    """A job whose seal is broken is shown without its prompt, and the jobs behind it as they are."""
    watcher = await scene.broadcast.attach(ALL)
    await scene.submit(broken=True)
    await scene.submit()
    told = await scene.told(watcher, 2)
    assert [message.job.spec.prompt for message in told] == ["", "job 2"]


async def test_a_follower_that_breaks_follows_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """When following breaks, it goes on where it broke: every commit once."""
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0.0)
    follow = scene.store.follow
    breaks = [True]

    async def breaking(after: int) -> AsyncIterator[Any]:
        async for batch in follow(after):
            yield batch[:1] if breaks else batch
            if breaks:
                breaks.clear()
                raise RuntimeError("the feed broke")

    monkeypatch.setattr(scene.store, "follow", breaking)
    watcher = await scene.broadcast.attach(ALL)
    for _ in range(3):
        await scene.submit()
    assert [message.position for message in await scene.told(watcher, 3)] == [1, 2, 3]


async def test_keys_that_are_away_hold_the_feed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """While keys cannot be read nothing is handed out closed; afterwards everything comes, opened."""
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0.0)
    get_many, calls = scene.keys.get_many, 0

    async def away_at_first(job_ids: Any) -> dict[str, bytes]:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ConnectionError
        return await get_many(job_ids)

    monkeypatch.setattr(scene.keys, "get_many", away_at_first)
    watcher = await scene.broadcast.attach(ALL)
    await scene.submit()
    assert [message.job.spec.prompt for message in await scene.told(watcher, 1)] == ["job 1"]


async def test_who_joins_while_a_batch_is_opened(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher that joins in the middle of a batch gets that batch, because it stands behind its beginning."""
    get_many, opening, go_on = scene.keys.get_many, asyncio.Event(), asyncio.Event()

    async def slowly(job_ids: Any) -> dict[str, bytes]:
        opening.set()
        await go_on.wait()
        return await get_many(job_ids)

    monkeypatch.setattr(scene.keys, "get_many", slowly)
    first = await scene.broadcast.attach(ALL)
    job_id = await scene.submit()
    await opening.wait()
    position = scene.broadcast.position
    second = await scene.broadcast.attach(WatchFilter("default", job_id))
    other = await scene.broadcast.attach(WatchFilter("other"))
    go_on.set()
    for watcher in (first, second):
        assert [message.position for message in await scene.told(watcher, 1)] == [position + 1]
    assert other.take_now().commits == []


async def test_the_hub_follows_while_somebody_watches(scene: Scene) -> None:
    """With the last watcher the hub stops; the next one starts it where the log then ends."""
    watcher = await scene.broadcast.attach(ALL)
    await scene.submit()
    await scene.told(watcher, 1)
    await scene.broadcast.detach(watcher)
    assert not scene.broadcast._readers
    await scene.submit()
    later = await scene.broadcast.attach(ALL)
    assert scene.broadcast.position == 2
    await scene.submit()
    assert [message.position for message in await scene.told(later, 1)] == [3]


def test_names_of_events_are_the_logs() -> None:
    """Events are named as the stored contract names them."""
    kinds = pb.DESCRIPTOR.pool.FindMessageTypeByName("kinolog.v1.Event").oneofs_by_name["kind"].fields
    names = {stored_name(kind) for kind in e.Event.__args__}
    assert names == {field.name for field in kinds}


async def test_a_job_on_its_way_is_opened_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a job that was shown, its later commits are shown without asking for its key; an erased one is closed."""
    get_many, asked = scene.keys.get_many, list[str]()

    async def noted(key_ids: Any) -> dict[str, bytes]:
        asked.extend(key_ids)
        return await get_many(key_ids)

    monkeypatch.setattr(scene.keys, "get_many", noted)
    watcher = await scene.broadcast.attach(ALL)
    job_id = await scene.submit()
    await scene.told(watcher, 1)
    handler = CommandHandler(scene.store, TickingClock())
    prompts = []
    for command in (c.Prefetch(id="p", actor="a"), c.Cancel(id="q", actor="a"), c.Erase(id="r", actor="a")):
        await handler.handle(job_id, command)
        prompts += [message.job.spec.prompt for message in await scene.told(watcher, 1)]
    assert prompts == ["job 1", "job 1", ""]
    assert asked == [job_id]
