"""WatchJob and WatchJobs: commits from the log, then live ones, without a gap and without repetition."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from kinolog.ports.event_store import EventStore
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.positions import require_position_in_log
from kinolog_api.watch.broadcast import WatchBroadcast
from kinolog_api.watch.encoded_messages import (
    EncodedCommit,
    ProgressKind,
    encode_first_message,
    encode_heartbeat,
)
from kinolog_api.watch.watcher import Watcher, WatchFilter


class WatchJobs:
    """WatchJob and WatchJobs. Both yield encoded messages."""

    def __init__(self, store: EventStore, broadcast: WatchBroadcast, queries: JobQueries) -> None:
        self._store = store
        self._broadcast = broadcast
        self._queries = queries

    async def watch_job(self, request: pb.WatchJobRequest, call: RpcCall) -> AsyncGenerator[bytes, None]:
        """WatchJob. Ends after the terminal commit of the job."""
        kinds = _kinds(progress=True, previews=request.previews, logs=request.logs)
        after = await self._resume_position(request)
        watcher = await self._broadcast.attach(
            WatchFilter(tenant=call.tenant, job_id=request.job_id, kinds=kinds)
        )
        watcher.start_heartbeat(request.heartbeat_seconds)
        try:
            loaded = await self._queries.load(call.tenant, request.job_id)
            ended = loaded.job.status.terminal
            if after is None:
                after = loaded.position
                preview = await self._broadcast.last_preview(loaded.job) if request.previews else None
                yield encode_first_message(after, await self._queries.present(loaded), preview)
            else:
                async for message in self._history(request.job_id, after):
                    after, ended = message.position, message.terminal
                    yield message.encoded
            async for encoded in self._live(watcher, request, after, ended):
                yield encoded
        finally:
            watcher.stop_heartbeat()
            self._broadcast.detach(watcher)

    async def watch_jobs(self, request: pb.WatchJobsRequest, call: RpcCall) -> AsyncGenerator[bytes, None]:
        """WatchJobs. Runs until the client cancels."""
        kinds = _kinds(progress=request.progress, previews=request.previews, logs=request.logs)
        after = await self._resume_position(request)
        watcher = await self._broadcast.attach(WatchFilter(tenant=call.tenant, kinds=kinds))
        watcher.start_heartbeat(request.heartbeat_seconds)
        try:
            after = self._broadcast.position if after is None else after
            async for position, encoded in self._catch_up(watcher, after, request.heartbeat_seconds):
                after = position
                yield encoded
            while True:
                pending = await watcher.take()
                if pending.is_empty and request.heartbeat_seconds:
                    after = max(after, self._broadcast.position)
                    yield encode_heartbeat(after)
                for message in pending.commits:
                    if message.position > after:
                        after = message.position
                        yield message.encoded
                for update in pending.updates:
                    yield update.encoded_after(after)
        finally:
            watcher.stop_heartbeat()
            self._broadcast.detach(watcher)

    async def _resume_position(self, request: pb.WatchJobRequest | pb.WatchJobsRequest) -> int | None:
        """Return the position after which to resume, if given. Raises OUT_OF_RANGE if the log has not reached it."""
        if not request.HasField("after"):
            return None
        await require_position_in_log(self._store, request.after, "after")
        return request.after

    async def _history(
        self, job_id: str, after: int, before: int | None = None
    ) -> AsyncGenerator[EncodedCommit, None]:
        """Yield the commits of a job between two positions, both excluded, from its history."""
        async for recorded in self._store.history(job_id):
            if recorded.position > after and (before is None or recorded.position < before):
                yield await self._broadcast.encode(recorded)

    async def _live(
        self, watcher: Watcher, request: pb.WatchJobRequest, after: int, ended: bool
    ) -> AsyncGenerator[bytes, None]:
        """Yield live messages until the job has ended and nothing is pending.

        A commit whose predecessor was not sent shows that a lagging replica answered the first read: the missing
        commits are read from the history.
        """
        pending = watcher.take_now()
        while True:
            for message in pending.commits:
                if message.previous_position > after:
                    async for missed in self._history(request.job_id, after, message.position):
                        yield missed.encoded
                if message.position > after:
                    after, ended = message.position, message.terminal
                    yield message.encoded
            for update in pending.updates:
                yield update.encoded_after(after)
            if ended:
                return
            pending = await watcher.take()
            if pending.is_empty and request.heartbeat_seconds:
                yield encode_heartbeat(max(after, self._broadcast.position))

    async def _catch_up(
        self, watcher: Watcher, after: int, heartbeat_seconds: int
    ) -> AsyncGenerator[tuple[int, bytes], None]:
        """Yield the tenant's commits after a position, each with its own, up to the first live commit of the watcher.

        If too many live commits arrive in the meantime, they are read from the log too. A heartbeat is due while
        commits of other tenants are read.
        """
        watcher.catching_up = True
        sent_at = time.monotonic()
        while after < self._broadcast.position:
            until = self._broadcast.position
            watcher.discard_commits()
            async with aclosing(self._store.read(after, until)) as batches:
                async for batch in batches:
                    own = [r for r in batch if r.commit.tenant == watcher.watch_filter.tenant]
                    for message in await self._broadcast.encode_all(own):
                        yield message.position, message.encoded
                    if own:
                        sent_at = time.monotonic()
                    elif 0 < heartbeat_seconds <= time.monotonic() - sent_at:
                        yield batch[-1].position, encode_heartbeat(batch[-1].position)
                        sent_at = time.monotonic()
            after = until
            if not watcher.overflowed:
                break
        watcher.catching_up = False


def _kinds(*, progress: bool, previews: bool, logs: bool) -> frozenset[ProgressKind]:
    selected = {ProgressKind.PROGRESS: progress, ProgressKind.PREVIEW: previews, ProgressKind.LOG: logs}
    return frozenset(kind for kind, is_selected in selected.items() if is_selected)
