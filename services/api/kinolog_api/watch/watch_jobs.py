"""WatchJob and WatchJobs: what lies in the log already, then what comes, without a gap and nothing twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from grpc import StatusCode

from kinolog.ports.event_store import EventStore
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.rpc.calls import Call
from kinolog_api.rpc.errors import RpcError
from kinolog_api.watch.broadcast import WatchBroadcast
from kinolog_api.watch.encoded_messages import EncodedCommit, ProgressKind, encode_job_message
from kinolog_api.watch.watcher import Watcher, WatchFilter


class WatchJobs:
    """WatchJob and WatchJobs. Streams yield encoded messages."""

    def __init__(self, store: EventStore, hub: WatchBroadcast, reading: JobQueries) -> None:
        self._store = store
        self._hub = hub
        self._reading = reading

    async def watch_job(self, request: pb.WatchJobRequest, call: Call) -> AsyncGenerator[bytes, None]:
        """WatchJob: ends after the commit with which the job ends."""
        kinds = _kinds(progress=True, previews=request.previews, logs=request.logs)
        after = await self._resumed(request)
        watcher = await self._hub.attach(WatchFilter(call.tenant, request.job_id, kinds))
        try:
            loaded = await self._reading.load(call.tenant, request.job_id)
            over = loaded.job.status.terminal
            if after is None:
                after = loaded.position
                yield encode_job_message(after, await self._reading.present(loaded))
            else:
                async for frame in self._missed(request.job_id, after):
                    after, over = frame.position, frame.terminal
                    yield frame.wire
            async for wire in self._live(watcher, request.job_id, after, over):
                yield wire
        finally:
            await self._hub.detach(watcher)

    async def watch_jobs(self, request: pb.WatchJobsRequest, call: Call) -> AsyncGenerator[bytes, None]:
        """WatchJobs: goes on until the client leaves."""
        kinds = _kinds(progress=request.progress, previews=request.previews, logs=request.logs)
        after = await self._resumed(request)
        watcher = await self._hub.attach(WatchFilter(call.tenant, None, kinds))
        try:
            after = self._hub.position if after is None else after
            async for frame in self._caught_up(watcher, after):
                after = frame.position
                yield frame.wire
            while True:
                waiting = await watcher.take()
                for frame in waiting.commits:
                    if frame.position > after:
                        after = frame.position
                        yield frame.wire
                for weather in waiting.weather:
                    yield weather.wire_after(after)
        finally:
            await self._hub.detach(watcher)

    async def _resumed(self, request: pb.WatchJobRequest | pb.WatchJobsRequest) -> int | None:
        """Where the client resumes. Raises OUT_OF_RANGE for a position that the log has not reached."""
        if not request.HasField("after"):
            return None
        last = await self._store.last_position()
        if request.after > last:
            message = f"after: {request.after} is not in the log, which ends at {last}"
            facts = {"last_position": str(last)}
            raise RpcError(StatusCode.OUT_OF_RANGE, "POSITION_AHEAD", message, metadata=facts)
        return request.after

    async def _missed(
        self, job_id: str, after: int, before: int | None = None
    ) -> AsyncGenerator[EncodedCommit, None]:
        """Commits of a job behind `after`, and before `before`, from its history."""
        async for recorded in self._store.history(job_id):
            if recorded.position > after and (before is None or recorded.position < before):
                yield await self._hub.frame(recorded)

    async def _live(
        self, watcher: Watcher, job_id: str, after: int, over: bool
    ) -> AsyncGenerator[bytes, None]:
        """What comes, until the job is over and everything that waits is sent.

        A commit that does not follow on the last one sent shows that a replica answered too early: what is
        between them is read from the history.
        """
        waiting = watcher.take_now()
        while True:
            for frame in waiting.commits:
                if frame.previous_position > after:
                    async for missed in self._missed(job_id, after, frame.position):
                        yield missed.wire
                if frame.position > after:
                    after, over = frame.position, frame.terminal
                    yield frame.wire
            for weather in waiting.weather:
                yield weather.wire_after(after)
            if over:
                return
            waiting = await watcher.take()

    async def _caught_up(self, watcher: Watcher, after: int) -> AsyncGenerator[EncodedCommit, None]:
        """The tenant's commits behind `after` up to where the watcher's live ones begin.

        When more come meanwhile than may wait, they are read from the log too.
        """
        watcher.catching_up = True
        while after < self._hub.position:
            until = self._hub.position
            watcher.start_over()
            async for batch in self._store.read(after, until):
                own = [r for r in batch if r.commit.state.tenant == watcher.interest.tenant]
                for frame in await self._hub.frames(own):
                    yield frame
            after = until
            if not watcher.overflowed:
                break
        watcher.catching_up = False


def _kinds(*, progress: bool, previews: bool, logs: bool) -> frozenset[ProgressKind]:
    wanted = {ProgressKind.PROGRESS: progress, ProgressKind.PREVIEW: previews, ProgressKind.LOG: logs}
    return frozenset(kind for kind, is_wanted in wanted.items() if is_wanted)
