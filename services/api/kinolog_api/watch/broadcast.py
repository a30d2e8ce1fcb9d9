"""One follower of the log and of the weather per process, however many watch.

The hub follows while somebody watches. Each commit and each message of the weather is opened and encoded at most
once, and handed to every watcher that wants it; see watchers.py for what happens to slow ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from grpc import StatusCode

from kinolog.codec.public_job import UnsealedFields
from kinolog.job.commit import Recorded
from kinolog.job.state import Job
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import LogLine, Progress, ProgressFeed, ProgressUpdate
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields
from kinolog_api.jobs.sealed_log_lines import read_out
from kinolog_api.rpc.errors import RpcError
from kinolog_api.rpc.tenants import TenantLookup
from kinolog_api.watch.encoded_messages import (
    KINDS,
    EncodedCommit,
    ProgressKind,
    encode_commit_message,
    encode_progress_message,
)
from kinolog_api.watch.subscriptions import Subscriptions
from kinolog_api.watch.watcher import Watcher, WatchFilter

log = logging.getLogger(__name__)

REMEMBERED_JOBS = 5_000
REMEMBERED_TEXTS = 1_000
"""Jobs on their way whose prompts are kept opened."""

PAUSE_SECONDS = 1.0
"""Before a follower that broke follows again."""


class WatchBroadcast:
    """Fans the log and the weather out to watchers."""

    def __init__(
        self, store: EventStore, keys: KeyStore, progress: ProgressFeed, tenancy: TenantLookup
    ) -> None:
        self._store = store
        self._keys = keys
        self._progress = progress
        self._tenancy = tenancy
        self._audience = Subscriptions()
        self._starting = asyncio.Lock()
        self._followers: list[asyncio.Task[None]] = []
        self._weather: OrderedDict[str, Progress] = OrderedDict()
        self._over: OrderedDict[str, None] = OrderedDict()
        self._texts: OrderedDict[str, UnsealedFields] = OrderedDict()
        self._closed = False
        self.position = 0
        """Every commit up to here has been handed out."""

    async def attach(self, interest: WatchFilter) -> Watcher:
        """A watcher that gets everything behind `position` as it is now. Raises `LogUnavailable`."""
        async with self._starting:
            if self._closed:
                raise _closing()
            if not self._followers:
                self.position = await self._store.last_position()
                self._followers = [
                    asyncio.create_task(self._keep("log", self._follow_log)),
                    asyncio.create_task(self._keep("progress", self._follow_weather)),
                ]
            watcher = Watcher(interest)
            self._audience.add(watcher)
            return watcher

    async def detach(self, watcher: Watcher) -> None:
        """Forget a watcher; with the last one the hub stops following."""
        self._audience.discard(watcher)
        async with self._starting:
            if not len(self._audience):
                await self._stop()

    async def close(self) -> None:
        """End every watcher, who may resume at another api, and stop."""
        self._closed = True
        for watcher in self._audience:
            watcher.end(_closing())
        async with self._starting:
            await self._stop()

    async def frame(self, recorded: Recorded) -> EncodedCommit:
        """A commit that a watcher catches up on."""
        (frame,) = await self.frames([recorded])
        return frame

    async def frames(self, batch: Sequence[Recorded]) -> list[EncodedCommit]:
        """Commits that a watcher catches up on, their jobs opened."""
        opened = await self._opened(batch)
        return [encode_commit_message(recorded, opened[recorded.commit.job_id], None) for recorded in batch]

    async def _stop(self) -> None:
        followers, self._followers = self._followers, []
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        self._weather.clear()
        self._over.clear()
        self._texts.clear()

    async def _keep(self, name: str, follow: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Follow for ever; what breaks is logged and followed anew from where it broke."""
        while True:
            try:
                await follow()
            except Exception as error:
                extra = fields("follow_failed", feed=name, error=type(error).__name__)
                log.exception("following the %s broke; trying on", name, extra=extra)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _follow_log(self) -> None:
        async for batch in self._store.follow(self.position):
            await self._hand_out(batch)

    async def _hand_out(self, batch: Sequence[Recorded]) -> None:
        """Hand a batch to all who want it. From the last look at the watchers on, nothing awaits: whoever joins
        meanwhile either gets the whole batch, or stands behind it."""
        opened: dict[str, UnsealedFields] = {}
        while missing := [r for r in batch if r.commit.job_id not in opened and self._is_wanted(r)]:
            opened |= await self._opened_once(missing)
        for recorded in batch:
            job = recorded.commit.state
            self._tenancy.learn(job.id, job.tenant)
            self._note(job.id, job.status.terminal)
            takers = self._audience.of(job.tenant, job.id)
            if takers:
                frame = encode_commit_message(recorded, opened[job.id], self._weather.get(job.id))
                for watcher in takers:
                    watcher.put_commit(frame)
        self.position = batch[-1].position

    def _is_wanted(self, recorded: Recorded) -> bool:
        return bool(self._audience.of(recorded.commit.state.tenant, recorded.commit.job_id))

    async def _opened(self, batch: Iterable[Recorded]) -> dict[str, UnsealedFields]:
        """What the jobs of these commits say, as their last commit in the batch has them (erased: nothing)."""
        jobs = {recorded.commit.job_id: recorded.commit.state for recorded in batch}
        keys = await self._keys.get_many([job.sealing_key_id for job in jobs.values() if not job.erased])
        return {job.id: _open(job, keys.get(job.sealing_key_id)) for job in jobs.values()}

    async def _opened_once(self, batch: Sequence[Recorded]) -> dict[str, UnsealedFields]:
        """The same for commits as they come: a running job is opened once, and its texts are kept until it ends."""
        unknown = [r for r in batch if r.commit.job_id not in self._texts or r.commit.state.erased]
        opened = {r.commit.job_id: self._texts.get(r.commit.job_id, UnsealedFields()) for r in batch}
        if unknown:
            opened |= await self._opened(unknown)
        for recorded in batch:
            job = recorded.commit.state
            if job.status.terminal:
                self._texts.pop(job.id, None)
            else:
                self._texts[job.id] = opened[job.id]
        while len(self._texts) > REMEMBERED_TEXTS:
            self._texts.popitem(last=False)
        return opened

    def _note(self, job_id: str, ended: bool) -> None:
        """Remember which jobs ended lately: weather that comes after is stale."""
        if not ended:
            self._over.pop(job_id, None)
            return
        self._weather.pop(job_id, None)
        self._over[job_id] = None
        if len(self._over) > REMEMBERED_JOBS:
            self._over.popitem(last=False)

    async def _follow_weather(self) -> None:
        async for weather in self._progress.follow():
            await self._pass_on(weather)

    async def _pass_on(self, weather: ProgressUpdate) -> None:
        kind = KINDS[type(weather)]
        job_id = weather.job_id
        tenant = await self._tenancy.tenant_of(job_id)
        if kind is not ProgressKind.LOG and job_id in self._over:
            return
        if isinstance(weather, Progress):
            self._weather[job_id] = weather
            self._weather.move_to_end(job_id)
            if len(self._weather) > REMEMBERED_JOBS:
                self._weather.popitem(last=False)
        takers = [
            watcher for watcher in self._audience.of(tenant or "", job_id) if kind in watcher.interest.kinds
        ]
        if takers:
            if isinstance(weather, LogLine):
                (weather,) = await read_out([weather], self._keys)
            frame = encode_progress_message(self.position, kind, weather)
            for watcher in takers:
                watcher.put_weather(frame)


def _open(job: Job, key: bytes | None) -> UnsealedFields:
    """What a job says. One that does not open is shown closed: it must not stop the stream for all others."""
    try:
        return unseal_job(job, key)
    except UnsealFailed as broken:
        log.error("a job cannot be shown: %s", broken, extra=fields("seal_broken", job=job.id))
        return UnsealedFields()


def _closing() -> RpcError:
    message = "this api is stopping: watch again after the last position received"
    return RpcError(StatusCode.UNAVAILABLE, "STOPPING", message, retry_seconds=1.0)
