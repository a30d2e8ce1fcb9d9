"""One stream from the api for all WebSocket clients of a tenant.

The stream is taken up again where it broke. Each commit goes at once to every client that wants it; progress and
previews are flushed ten times a second, the newest per job.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable

import grpc
from grpc.aio import AioRpcError

from kinolog.process.logs import fields
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.metrics import LiveCounts
from kinolog_gateway.upstream import Upstream
from kinolog_gateway.websocket import outgoing_message
from kinolog_gateway.websocket.channels import Channel
from kinolog_gateway.websocket.client import WebSocketClient
from kinolog_gateway.websocket.outgoing_message import MessageKind, OutgoingMessage
from kinolog_gateway.websocket.queue_counts import QueueCounts
from kinolog_gateway.websocket.recent_commits import RecentCommits

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.1
LOOK_BACK = 1_000
"""Positions behind the end of the log at which a new hub begins, so that clients which were away find them here."""
KNOWN_JOBS = 5_000
REMEMBERED_LINES = 2_000
LONGEST_PAUSE_SECONDS = 2.0
POLICY_VIOLATION = 1008
SERVICE_RESTART = 1012
"""Codes with which a WebSocket is closed."""
_REFUSALS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
STEADY_SECONDS = 5.0
"""A stream that lasted this long was no failure to begin with."""


class TenantBroadcast:
    """Fans out what happens to the jobs of one audience."""

    def __init__(self, upstream: Upstream, caller: HttpCaller, counts: LiveCounts) -> None:
        self.upstream = upstream
        self.caller = caller
        self.counts = counts
        self.ring = RecentCommits()
        self.position = 0
        """Everything up to here has been handed out."""
        self.refused: AioRpcError | None = None
        """Why the api turned this audience away, if it did."""
        self.lines: deque[OutgoingMessage] = deque(maxlen=REMEMBERED_LINES)
        """The last log lines: those of the last moment may not be in the lists yet."""
        self.clients: set[WebSocketClient] = set()
        self._subscribers: defaultdict[Channel, set[WebSocketClient]] = defaultdict(set)
        self._first = 0
        self._started = asyncio.Event()
        self._jobs: OrderedDict[str, job_pb2.Job] = OrderedDict()
        self._latest: dict[tuple[MessageKind, str], OutgoingMessage] = {}
        self._flush_timer: asyncio.TimerHandle | None = None
        self._flushed_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._follow())
        self.queue = QueueCounts(self)

    async def close(self) -> None:
        """Stop following."""
        self.queue.close()
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def started(self) -> None:
        """Wait until it is known where the stream begins, or that the api refuses this audience."""
        await self._started.wait()

    @property
    def now(self) -> int:
        """What a client that subscribes now has missed nothing behind."""
        return max(self.position, self._first)

    def add(self, channel: Channel, client: WebSocketClient) -> None:
        """Hand what happens in a channel to a client."""
        self._subscribers[channel].add(client)

    def remove(self, channel: Channel, client: WebSocketClient) -> None:
        """Hand it to the client no more."""
        self._subscribers[channel].discard(client)
        if not self._subscribers[channel]:
            del self._subscribers[channel]

    def subscribers(self, channel: Channel) -> Iterable[WebSocketClient]:
        """Who subscribed to a channel."""
        return self._subscribers.get(channel, ())

    async def _follow(self) -> None:
        """Follow the api for ever, from where the last stream broke."""
        failures = 0
        while self.refused is None:
            began = self._loop.time()
            try:
                await self._find_start()
                await self._stream()
                failures = 0
            except AioRpcError as error:
                failures = 1 if self._loop.time() - began > STEADY_SECONDS else failures + 1
                self._lost(error, failures)
            pause = min(LONGEST_PAUSE_SECONDS, 0.1 * 2**failures)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, keeps no secret
        self._started.set()

    async def _find_start(self) -> None:
        """Ask where the log ends, the first time. Lists that cannot be read leave the start at now."""
        if self._started.is_set():
            return
        try:
            request = pb.SummarizeJobsRequest()
            summary = await self.upstream.call(self.upstream.jobs.SummarizeJobs, request, self.caller)
        except AioRpcError as error:
            if error.code() in _REFUSALS or not grpc_errors.answered(error):
                raise
            log.warning("the log's end is not known", extra=fields("live_start", code=error.code().name))
            return
        self._first = summary.position
        self.position = max(0, summary.position - LOOK_BACK)
        self.ring.clear(self.position)
        self.queue.learn(summary)

    async def _stream(self) -> None:
        request = pb.WatchJobsRequest(previews=True, logs=True, progress=True)
        if self.ring.floor is not None:
            request.after = self.position
        call = self.upstream.jobs.WatchJobs(request, metadata=self.caller.metadata)
        self.counts.upstream_streams += 1
        self._started.set()
        try:
            async for update in call:
                self._take(update)
        finally:
            self.counts.upstream_streams -= 1
            call.cancel()

    def _lost(self, error: AioRpcError, failures: int) -> None:
        code = error.code()
        log.warning("the live stream broke", extra=fields("live_lost", code=code.name, failures=failures))
        if code in _REFUSALS:
            self.refused = error
            self._dismiss(POLICY_VIOLATION, "the api does not take this key")
        elif code is grpc.StatusCode.OUT_OF_RANGE:
            # The log ends before what was handed out: another log stands behind the api now.
            self._started.clear()
            self._jobs.clear()
            self.ring.clear(None)
            self.position = self._first = 0
            self._dismiss(SERVICE_RESTART, "the log was replaced; begin anew without after")
        elif failures == 2:
            words = "live updates pause, because the api does not answer; they go on by themselves"
            for client in self.clients:
                client.say("API_UNAVAILABLE", words)

    def _dismiss(self, code: int, words: str) -> None:
        for client in self.clients:
            client.dismiss(code, words)

    def _take(self, update: pb.WatchJobsResponse) -> None:
        """Hand out one message of the stream."""
        kind = update.WhichOneof("update")
        if kind == "job":
            self._take_commit(update)
        elif kind == "progress" and self._runs(update.progress.job_id, update.progress.attempt):
            job = self._jobs.get(update.progress.job_id)
            self._keep(outgoing_message.progress(max(self.position, update.position), update.progress, job))
        elif kind == "preview" and self._runs(update.preview.job_id, update.preview.attempt):
            self._keep(outgoing_message.preview(max(self.position, update.position), update.preview))
        elif kind == "log":
            line = outgoing_message.log(max(self.position, update.position), update.log)
            self.lines.append(line)
            for client in self.subscribers(Channel("logs", line.job_id)):
                client.offer_line(line)
        self.position = max(self.position, update.position)
        if self.ring.floor is None:
            self.ring.clear(self.position)

    def _take_commit(self, update: pb.WatchJobsResponse) -> None:
        message = outgoing_message.commit(update.position, update.job, list(update.events))
        self._jobs[message.job_id] = update.job
        self._jobs.move_to_end(message.job_id)
        if len(self._jobs) > KNOWN_JOBS:
            self._jobs.popitem(last=False)
        self._latest.pop((MessageKind.PROGRESS, message.job_id), None)
        self.ring.add(message)
        for client in self._takers(message):
            client.offer_commit(message)
        self.queue.changed()

    def _takers(self, message: OutgoingMessage) -> set[WebSocketClient]:
        one = self._subscribers.get(Channel("job", message.job_id), set())
        if message.kind is MessageKind.PREVIEW:
            return one
        every = self._subscribers.get(Channel("jobs"), set())
        return one | every if one else every

    def _runs(self, job_id: str, attempt: int) -> bool:
        """False for weather of an attempt that the log says is over."""
        job = self._jobs.get(job_id)
        return job is None or (job.status == job_pb2.STATUS_PROCESSING and job.attempt == attempt)

    def _keep(self, message: OutgoingMessage) -> None:
        """Hand it out at the next flush, unless something newer takes its place."""
        self._latest[message.kind, message.job_id] = message
        if self._flush_timer is None:
            wait = max(0.0, self._flushed_at + FLUSH_SECONDS - self._loop.time())
            self._flush_timer = self._loop.call_later(wait, self._flush)

    def _flush(self) -> None:
        self._flush_timer, self._flushed_at = None, self._loop.time()
        latest, self._latest = self._latest, {}
        for message in latest.values():
            for client in self._takers(message):
                client.offer_latest(message)
