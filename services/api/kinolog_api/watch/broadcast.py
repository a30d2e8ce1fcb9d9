"""One reader of the log and of the progress feed per process, for any number of watchers.

The broadcast reads while at least one watcher is attached. It unseals and encodes each commit and each progress
update at most once and delivers it to every watcher whose filter matches; watcher.py bounds what slow ones hold.
Progress and previews are conflated first: ten times a second, the newest per job.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from functools import partial

from grpc import StatusCode

from kinolog.codec.public_job import UnsealedFields
from kinolog.connections.conflation import Conflation
from kinolog.connections.recent_entries import RecentEntries
from kinolog.job.commit import RecordedCommit
from kinolog.job.events import AttemptStarted
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import LogLine, PreviewImage, Progress, ProgressFeed, ProgressUpdate
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields
from kinolog.process.standstill import Standstill
from kinolog.process.tasks import BackgroundTasks, end_tasks, keep_running
from kinolog_api.jobs.sealed_progress import unseal_update
from kinolog_api.rpc.errors import RpcError
from kinolog_api.rpc.tenants import TenantLookup
from kinolog_api.watch.encoded_messages import (
    KIND_OF_UPDATE,
    EncodedCommit,
    ProgressKind,
    encode_commit_message,
    encode_progress_message,
)
from kinolog_api.watch.subscriptions import Subscriptions
from kinolog_api.watch.watcher import Watcher, WatchFilter

logger = logging.getLogger(__name__)

CACHED_JOBS = 5_000
"""Jobs whose latest progress, or whose end, is cached."""

CACHED_PREVIEWS = 200
"""Running jobs whose newest preview is cached, sealed."""

CACHED_PROMPTS = 1_000
"""Unfinished jobs whose unsealed fields are cached."""

RETRY_SECONDS = 1.0
"""Pause before a failed reader starts again."""

STANDSTILL_SECONDS = 10.0
"""Readers that are behind the log and do not move for this long are started again."""


class ReaderRun:
    """One run of the readers. Its identity shows whether a reader that does not end is still the current one."""

    tasks: tuple[asyncio.Task[None], ...] = ()
    progress_after: int | None = None
    """Position after which the progress is read at first; None reads what is published from then on."""


class WatchBroadcast:
    """Delivers commits and progress updates to watchers."""

    def __init__(
        self, store: EventStore, keys: KeyStore, progress: ProgressFeed, tenants: TenantLookup
    ) -> None:
        self._store = store
        self._keys = keys
        self._progress = progress
        self._tenants = tenants
        self._subscriptions = Subscriptions()
        self._reading: ReaderRun | None = None
        self._endings = BackgroundTasks()
        self._standstill = Standstill(STANDSTILL_SECONDS)
        self._conflation = Conflation[tuple[ProgressKind, str], ProgressUpdate]()
        self._latest_progress = RecentEntries[str, Progress](CACHED_JOBS)
        self._latest_preview = RecentEntries[str, PreviewImage](CACHED_PREVIEWS)
        self._looked_up = RecentEntries[str, int](CACHED_JOBS)
        self._ended_jobs = RecentEntries[str, None](CACHED_JOBS)
        self._unsealed = RecentEntries[str, UnsealedFields](CACHED_PROMPTS)
        self._closed = False
        self.position = 0
        """Position of the last delivered commit."""
        self.restarts = 0
        """How often the readers were started again because they stood still."""
        self.problem = ""
        """Why live updates stand still; empty while they do not."""

    @property
    def watchers(self) -> int:
        """Number of attached watchers."""
        return len(self._subscriptions)

    async def attach(self, watch_filter: WatchFilter) -> Watcher:
        """Return a watcher that receives everything after the current `position`. Raises `LogUnavailable`.

        No lock is held while the log is read: a watcher that waits delays no other.
        """
        watcher = Watcher(watch_filter)
        while self._reading is None:
            if self._closed:
                raise _stopping()
            position, progress_position = await self._store.last_position(), await self._progress_position()
            if self._reading is None and not self._closed:
                self.position = position
                self._start(progress_position)
        self._subscriptions.add(watcher)
        return watcher

    async def _progress_position(self) -> int | None:
        """Return where the progress is now: what is published before its reader has begun is read then."""
        with contextlib.suppress(LogUnavailable):
            return await self._progress.last_position()
        return None

    def detach(self, watcher: Watcher) -> None:
        """Remove a watcher. The readers stop with the last one; nobody waits for their end."""
        self._subscriptions.discard(watcher)
        if not self._subscriptions:
            self._stop()

    async def close(self) -> None:
        """End all watchers with UNAVAILABLE, so that clients resume at another api, and stop."""
        self._closed = True
        for watcher in self._subscriptions:
            watcher.end(_stopping())
        self._stop()
        await self._endings.ended()

    def observe(self, log_end: int) -> None:
        """Compare the readers with the end of the log, and start them again if they stand still."""
        if self._reading is None:
            self._standstill.reset()
            self.problem = ""
            return
        if not self._standstill.observe(self.position, log_end):
            if not self._standstill.still_seconds:
                self.problem = ""
            return
        self.problem = f"live updates stand still at position {self.position}, the log is at {log_end}"
        logger.error("%s; reading it again", self.problem, extra=fields("standstill", part="live updates"))
        self._stop()
        self._start()
        self.restarts += 1

    async def encode(self, recorded: RecordedCommit) -> EncodedCommit:
        """Encode a commit for a watcher that is catching up, with what is known of its progress."""
        await self._look_up_progress(recorded)
        (message,) = await self.encode_all([recorded])
        return message

    async def last_preview(self, job: Job) -> PreviewImage | None:
        """Return the newest preview of a running attempt, unsealed; None if there is none, or if it cannot be read."""
        if job.status is not Status.PROCESSING:
            return None
        last = self._latest_preview.get(job.id)
        with contextlib.suppress(LogUnavailable):
            if last is None or last.attempt != job.attempt:
                last = await self._progress.last_preview(job.id, job.attempt)
            unsealed = await unseal_update(last, self._keys) if last is not None else None
            return unsealed if isinstance(unsealed, PreviewImage) else None
        return None

    async def encode_all(self, batch: Sequence[RecordedCommit]) -> list[EncodedCommit]:
        """Encode commits for a watcher that is catching up, their jobs unsealed."""
        unsealed = await self._unseal(batch)
        return [self._encoded(recorded, unsealed[recorded.commit.job_id]) for recorded in batch]

    def _encoded(self, recorded: RecordedCommit, unsealed: UnsealedFields) -> EncodedCommit:
        job = recorded.commit.state
        progress = self._latest_progress.get(job.id) if job.status is Status.PROCESSING else None
        return encode_commit_message(recorded, unsealed, progress)

    def _start(self, progress_position: int | None = None) -> None:
        """Start to read after the current position."""
        reading = self._reading = ReaderRun()
        reading.progress_after = progress_position
        self._standstill.reset()
        parts = (
            ("live log", "reading the log", self._read_log),
            ("live progress", "reading the progress", self._read_progress),
            ("live conflation", "delivering the progress", self._deliver_conflated),
        )
        reading.tasks = tuple(
            asyncio.create_task(keep_running(what, partial(run, reading), RETRY_SECONDS), name=name)
            for name, what, run in parts
        )

    def _stop(self) -> None:
        """Stop to read. What the readers still bring is dropped; they end in the background."""
        reading, self._reading = self._reading, None
        if reading is not None:
            self._endings.start(end_tasks(reading.tasks))
        self._conflation.clear()
        self._latest_progress.clear()
        self._latest_preview.clear()
        self._looked_up.clear()
        self._ended_jobs.clear()
        self._unsealed.clear()

    async def _read_log(self, reading: ReaderRun) -> None:
        async with aclosing(self._store.follow(self.position)) as batches:
            async for batch in batches:
                await self._deliver_commits(reading, batch)

    async def _deliver_commits(self, reading: ReaderRun, batch: Sequence[RecordedCommit]) -> None:
        """Deliver a batch to all matching watchers.

        Nothing awaits after the last check for new watchers, so a watcher that attaches during the call either
        receives the whole batch or starts after it.
        """
        unsealed: dict[str, UnsealedFields] = {}
        while missing := [r for r in batch if r.commit.job_id not in unsealed and self._is_watched(r)]:
            unsealed |= await self._unseal_cached(missing)
            await asyncio.gather(*map(self._look_up_progress, missing))
        if reading is not self._reading:
            return
        for recorded in batch:
            job = recorded.commit.state
            self._tenants.remember(job.id, job.tenant)
            self._track_end(job.id, job.status.terminal)
            watchers = self._subscriptions.of(job.tenant, job.id)
            if watchers:
                message = encode_commit_message(recorded, unsealed[job.id], self._latest_progress.get(job.id))
                for watcher in watchers:
                    watcher.put_commit(message)
        self.position = batch[-1].position

    def _is_watched(self, recorded: RecordedCommit) -> bool:
        return bool(self._subscriptions.of(recorded.commit.tenant, recorded.commit.job_id))

    async def _look_up_progress(self, recorded: RecordedCommit) -> None:
        """Read what a running attempt reported before this process followed the feed, until it was read once.

        Without it a watcher that knows the job from elsewhere would see its percentage fall to 0. What needs it while
        it is read reads it too.
        """
        job = recorded.commit.state
        known = self._latest_progress.get(job.id)
        is_known = known is not None and known.attempt == job.attempt
        started = any(isinstance(event, AttemptStarted) for event in recorded.commit.events)
        if job.status is not Status.PROCESSING or is_known or started:
            return
        if self._looked_up.get(job.id) == job.attempt:
            return
        with contextlib.suppress(LogUnavailable):
            last = await self._progress.last_progress(job.id, job.attempt)
            newest = self._latest_progress.get(job.id)
            if last is not None and (newest is None or newest.attempt < last.attempt):
                self._latest_progress[job.id] = last
        self._looked_up[job.id] = job.attempt

    async def _unseal(self, batch: Iterable[RecordedCommit]) -> dict[str, UnsealedFields]:
        """Return the unsealed fields of the jobs in a batch, as of their last commit; empty for erased jobs."""
        jobs = {recorded.commit.job_id: recorded.commit.state for recorded in batch}
        keys = await self._keys.get_many([job.sealing_key_id for job in jobs.values() if not job.erased])
        return {job.id: _unsealed_or_empty(job, keys.get(job.sealing_key_id)) for job in jobs.values()}

    async def _unseal_cached(self, batch: Sequence[RecordedCommit]) -> dict[str, UnsealedFields]:
        """Like `_unseal` for live commits: a job is unsealed once, and the result is cached until the job ends."""
        unknown = [r for r in batch if r.commit.job_id not in self._unsealed or r.commit.state.erased]
        unsealed = {r.commit.job_id: self._unsealed.get(r.commit.job_id, UnsealedFields()) for r in batch}
        if unknown:
            unsealed |= await self._unseal(unknown)
        for recorded in batch:
            job = recorded.commit.state
            if job.status.terminal or not unsealed[job.id].prompt:
                self._unsealed.pop(job.id, None)
            else:
                self._unsealed[job.id] = unsealed[job.id]
        return unsealed

    def _track_end(self, job_id: str, ended: bool) -> None:
        """Remember whether a job has ended: later progress of an ended job is stale."""
        if ended:
            self._latest_progress.pop(job_id, None)
            self._latest_preview.pop(job_id, None)
            self._conflation.discard((ProgressKind.PROGRESS, job_id))
            self._conflation.discard((ProgressKind.PREVIEW, job_id))
            self._ended_jobs[job_id] = None
        else:
            self._ended_jobs.pop(job_id, None)

    async def _read_progress(self, reading: ReaderRun) -> None:
        after, reading.progress_after = reading.progress_after, None  # log lines are delivered once
        async with aclosing(self._progress.follow(after=after)) as updates:
            async for update in updates:
                if isinstance(update, LogLine):
                    await self._deliver_update(reading, update)
                elif reading is self._reading and update.job_id not in self._ended_jobs:
                    if isinstance(update, Progress):
                        self._latest_progress[update.job_id] = update
                    else:
                        self._latest_preview[update.job_id] = update
                    self._conflation.put((KIND_OF_UPDATE[type(update)], update.job_id), update)

    async def _deliver_conflated(self, reading: ReaderRun) -> None:
        while reading is self._reading:
            for update in await self._conflation.take():
                await self._deliver_update(reading, update)

    async def _deliver_update(self, reading: ReaderRun, update: ProgressUpdate) -> None:
        """Deliver a progress update to all matching watchers, unless its job has ended and it is no log line."""
        kind, job_id = KIND_OF_UPDATE[type(update)], update.job_id
        tenant = await self._tenants.tenant_of(job_id) or ""
        if not self._watchers_of(tenant, job_id, kind):
            return
        unsealed = await unseal_update(update, self._keys)
        if unsealed is None or reading is not self._reading:
            return
        if kind is not ProgressKind.LOG and job_id in self._ended_jobs:
            return
        message = encode_progress_message(self.position, kind, unsealed)
        for watcher in self._watchers_of(tenant, job_id, kind):
            watcher.put_progress(message)

    def _watchers_of(self, tenant: str, job_id: str, kind: ProgressKind) -> list[Watcher]:
        return [
            watcher
            for watcher in self._subscriptions.of(tenant, job_id)
            if kind in watcher.watch_filter.kinds
        ]


def _unsealed_or_empty(job: Job, key: bytes | None) -> UnsealedFields:
    """Return the unsealed fields of a job; empty if it cannot be unsealed, so that one job never stops the stream."""
    try:
        return unseal_job(job, key)
    except UnsealFailed as error:
        logger.error("cannot unseal a job: %s", error, extra=fields("seal_broken", job=job.id))
        return UnsealedFields()


def _stopping() -> RpcError:
    message = "this api is stopping: watch again after the last position received"
    return RpcError(StatusCode.UNAVAILABLE, "STOPPING", message, retry_seconds=1.0)
