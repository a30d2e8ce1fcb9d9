"""A gRPC api for the gateway's tests: a real server that records its requests.

It stores jobs in a dictionary and their commits in a list, validates requests by the rules of the contract, and streams
like the real one: commits once and in order, progress after the commits that it belongs to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import protovalidate
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from kinolog.ids import new_id
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from tests.unit.gateway import canned

START = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
RULES = protovalidate.Validator()
"""The rules of the contract. A validator compiles those of each message that it meets."""


class Refusal(Exception):
    """An error response with google.rpc details as the api sends them."""

    def __init__(
        self, code: grpc.StatusCode, reason: str, message: str, violations: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status_pb2.Status(code=code.value[0], message=message)
        self._add(error_details_pb2.ErrorInfo(reason=reason, domain="kinolog"))
        if violations:
            bad = error_details_pb2.BadRequest()
            for field, description in violations.items():
                bad.field_violations.add(field=field, description=description)
            self._add(bad)

    def _add(self, detail: Message) -> None:
        packed = AnyMessage()
        packed.Pack(detail)
        self.status.details.append(packed)


def not_found(job_id: str) -> Refusal:
    """Return the refusal for an unknown job."""
    return Refusal(grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND", f"there is no job {job_id}")


class RecordedLiveVideo:
    """The live video of an attempt. A test adds to it."""

    def __init__(self, data: bytes, attempt: int = 1) -> None:
        self.data = data
        self.attempt = attempt
        self.is_complete = False
        self.ended_by: Refusal | None = None
        self.followed_by: RecordedLiveVideo | None = None
        """That of the next attempt, which there is once this one has ended."""
        self.changed = asyncio.Condition()

    async def add(
        self, data: bytes = b"", *, is_complete: bool = False, ended_by: Refusal | None = None
    ) -> None:
        """Add bytes, and say that they are the last ones, or that the attempt has ended."""
        async with self.changed:
            self.data += data
            self.is_complete, self.ended_by = is_complete, ended_by
            self.changed.notify_all()


class RecordingApi:
    """The api: recorded calls, known jobs, and planned failures."""

    def __init__(self, *services: Callable[[RecordingApi, aio.Server], None]) -> None:
        self._services = services
        self.calls: list[tuple[str, Any, dict[str, str]]] = []
        self.failures: dict[str, Refusal] = {}
        self.jobs: dict[str, pb.Job] = {}
        self.log: list[jobs.WatchJobsResponse] = []
        self.lines: dict[str, list[pb.LogEntry]] = {}
        self.previews: dict[str, pb.Preview] = {}
        self.files: dict[tuple[str, int, int], bytes] = {}
        self.live_videos: dict[str, RecordedLiveVideo] = {}
        self.uploads: list[list[jobs.UploadInputRequest]] = []
        """The messages of each upload."""
        self.read_bytes = 0
        self.downloads_done = 0
        self.download_ended = asyncio.Event()
        self.alarms: list[pb.Alarm] = []
        self.queue_pauses: list[jobs.QueuePause] = []
        self.stale_seconds = 0
        self.open_streams = 0
        self.position = 0
        self._delayed: list[jobs.WatchJobsResponse] | None = None
        self._watchers: set[asyncio.Queue[jobs.WatchJobsResponse | None]] = set()
        self._streams_changed = asyncio.Condition()
        self._server: aio.Server | None = None
        self.port = 0

    @property
    def target(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> str:
        """Serve, on the same port after a stop. Return the target."""
        server = aio.server()
        for add_service in self._services:
            add_service(self, server)
        health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        await health.set("", health_pb2.HealthCheckResponse.SERVING)
        self.port = server.add_insecure_port(self.target)
        await server.start()
        self._server = server
        return self.target

    async def stop(self) -> None:
        """Break every call and stop."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def requests(self, method: str) -> list[Any]:
        """Return the requests that a method received."""
        return [request for name, request, _ in self.calls if name == method]

    def add_job(self, **fields: Any) -> pb.Job:
        """Commit a new job and return it."""
        job = canned.job(**{"id": new_id(), **fields})
        return self.commit(job, "submitted", "queued")

    def commit(self, job: pb.Job, *events: str) -> pb.Job:
        """Append the job's current state to the log, and stream it."""
        self.position += 1
        job.position, job.version = self.position, job.version + len(events)
        job.updated_at.FromDatetime(START + timedelta(seconds=self.position))
        self.jobs[job.id] = job
        update = jobs.WatchJobsResponse(position=self.position, job=job, events=events)
        self.log.append(update)
        self._broadcast(update)
        return job

    def send_update(self, **update: Any) -> None:
        """Stream progress, a preview or a log line; without one a heartbeat."""
        if "log" in update:
            self.lines.setdefault(update["log"].job_id, []).append(update["log"])
        if "preview" in update:
            self.previews[update["preview"].job_id] = update["preview"]
        self._broadcast(jobs.WatchJobsResponse(position=self.position, **update))

    async def wait_for_streams(self, streams: int = 1) -> None:
        """Wait until this many streams are open."""
        async with self._streams_changed:
            await self._streams_changed.wait_for(lambda: self.open_streams == streams)

    def pause_streams(self) -> None:
        """Delay updates on all streams until `resume_streams`."""
        self._delayed = []

    def resume_streams(self) -> None:
        """Send the delayed updates, and later ones at once."""
        delayed, self._delayed = self._delayed or [], None
        for update in delayed:
            self._broadcast(update)

    def _broadcast(self, update: jobs.WatchJobsResponse) -> None:
        if self._delayed is not None:
            self._delayed.append(update)
            return
        for watcher in self._watchers:
            watcher.put_nowait(update)

    def admit(self, method: str, request: Any, context: Any) -> None:
        """Record a call and validate it. Raises Refusal."""
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        self.calls.append((method, request, metadata))
        if method in self.failures:
            raise self.failures[method]
        found = {
            ".".join(element.field_name for element in violation.proto.field.elements)
            if violation.proto.field
            else "": violation.proto.message
            for violation in RULES.collect_violations(request)
        }
        if found:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS", "fields are wrong", found)

    def get(self, job_id: str) -> pb.Job:
        """Return a job. Raises Refusal."""
        if job_id not in self.jobs:
            raise not_found(job_id)
        return self.jobs[job_id]

    async def watch(
        self, after: int | None, includes: Callable[[jobs.WatchJobsResponse], bool]
    ) -> AsyncIterator[jobs.WatchJobsResponse]:
        """Yield the updates after a position, then live ones."""
        if after is not None and after > self.position:
            raise Refusal(grpc.StatusCode.OUT_OF_RANGE, "POSITION_AHEAD", f"the log ends at {self.position}")
        live: asyncio.Queue[jobs.WatchJobsResponse | None] = asyncio.Queue()
        self._watchers.add(live)
        await self._count_stream(1)
        try:
            for update in list(self.log):
                if after is not None and after < update.position and includes(update):
                    yield update
            while (update := await live.get()) is not None:  # type: ignore[assignment]  # None ends it
                if includes(update):
                    yield update
        finally:
            self._watchers.discard(live)
            await self._count_stream(-1)

    async def _count_stream(self, change: int) -> None:
        async with self._streams_changed:
            self.open_streams += change
            self._streams_changed.notify_all()
