"""One stream from the api for all clients of a tenant.

A broken stream resumes where it broke. Each commit goes at once to every client that wants it. Progress and previews
are conflated: ten times a second, the newest per job.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import aclosing

import grpc
from grpc.aio import AioRpcError

from kinolog.connections.conflation import Conflation
from kinolog.connections.recent_entries import RecentEntries
from kinolog.process.logs import fields
from kinolog.process.tasks import BackgroundTasks, end_tasks, keep_running
from kinolog.v1 import audit_service_pb2, job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http import grpc_errors
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.metrics import LiveCounts
from kinolog_gateway.live import outgoing_message
from kinolog_gateway.live.channels import JOBS, QUEUE, Channel
from kinolog_gateway.live.outgoing_message import MessageKind, OutgoingMessage
from kinolog_gateway.live.queue_counts import QueueCounts
from kinolog_gateway.live.recent_commits import RecentCommits
from kinolog_gateway.live.stream_silence import (
    HEARTBEAT_SECONDS,
    SILENCE_SECONDS,
    SilentStream,
    unless_silent,
)
from kinolog_gateway.live.subscriber import Subscriber
from kinolog_gateway.upstream import Upstream, retry_pause_seconds

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Pause after an error in passing on progress."""
LOOK_BACK = 1_000
"""Positions before the end of the log at which a new broadcast starts, for clients that reconnect."""
KNOWN_JOBS = 5_000
"""Jobs whose state after the last commit is remembered."""
REMEMBERED_LINES = 2_000
REMEMBERED_PREVIEWS = 100
"""Running jobs whose newest preview is remembered, for clients that subscribe later."""
POLICY_VIOLATION = 1008
"""Close code for a client whose key the api refuses."""
SERVICE_RESTART = 1012
"""Close code when the log was replaced."""
_REFUSALS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
NOTES_AT_ONCE = 16
"""Clients that are noted as readers at the same time: one may subscribe to a thousand channels at once."""
NOTE_SECONDS = 1.0
"""How long the end of a broadcast waits until its last clients are noted as readers."""
STEADY_SECONDS = 5.0
"""A stream that lasted this long resets the count of failures."""
PAUSED = (
    "API_UNAVAILABLE",
    "live updates pause because the api does not answer; they resume by themselves",
)
"""Reason and text of the error that clients get while the stream is broken."""


class TenantBroadcast:
    """Sends updates of one tenant's jobs to its clients."""

    def __init__(self, upstream: Upstream, caller: HttpCaller, counts: LiveCounts) -> None:
        self.upstream = upstream
        self.caller = caller
        self.counts = counts
        self.recent_commits = RecentCommits()
        self.position = 0
        """Every commit up to here was passed to the clients."""
        self.refusal: AioRpcError | None = None
        """Why the api refuses this caller, if it does."""
        self.recent_lines: deque[OutgoingMessage] = deque(maxlen=REMEMBERED_LINES)
        """The last log lines. The newest may not be in the read model yet."""
        self.previews = RecentEntries[str, job_pb2.Preview](REMEMBERED_PREVIEWS)
        """The newest preview of each running job."""
        self.clients: set[Subscriber] = set()
        self._subscribers: defaultdict[Channel, set[Subscriber]] = defaultdict(set)
        self._first_log_end = 0
        self._started = asyncio.Event()
        self.api_sends_heartbeats = False
        """Whether the api has sent a heartbeat. An older one sends none, and may be silent for long."""
        self.paused = False
        """Whether the stream from the api is broken, so that clients miss updates for now."""
        self._jobs: OrderedDict[str, job_pb2.Job] = OrderedDict()
        self._conflation = Conflation[tuple[MessageKind, str], OutgoingMessage]()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())
        self._passing_on = self._loop.create_task(
            keep_running("passing on progress", self._pass_on_conflated, RETRY_SECONDS)
        )
        self.queue_counts = QueueCounts(self)
        self._notes = BackgroundTasks()
        self._note_turns = asyncio.Semaphore(NOTES_AT_ONCE)

    async def close(self) -> None:
        """Stop the stream and the counts."""
        await end_tasks((self._task, self._passing_on))
        await self.queue_counts.close()
        await self._notes.ended(NOTE_SECONDS)
        self._on_stream_works()

    async def wait_started(self) -> None:
        """Wait until the start of the stream is known, or the api refuses this caller."""
        await self._started.wait()

    @property
    def log_end(self) -> int:
        """The last known end of the log. A client that subscribes now has missed nothing after it."""
        return max(self.position, self._first_log_end)

    def will_publish(self, position: int) -> bool:
        """Return whether the stream has yet to bring the commit at this position."""
        return self.recent_commits.floor is not None and position > self.position

    def note_read(self, caller: HttpCaller, channel: Channel) -> None:
        """Have the api note that a client is shown the channel: it shares the stream of another one."""
        if channel.kind != QUEUE.kind:  # numbers alone
            self._notes.start(self._note_read(caller, channel))

    async def _note_read(self, caller: HttpCaller, channel: Channel) -> None:
        request = audit_service_pb2.NoteLiveReadRequest(channel=str(channel))
        try:
            async with self._note_turns:
                await self.upstream.call(self.upstream.audit.NoteLiveRead, request, caller)
        except AioRpcError as error:
            logger.warning(
                "a client of live updates is not recorded as a reader",
                extra=fields("read_not_noted", error=type(error).__name__),
            )

    def add_subscriber(self, channel: Channel, client: Subscriber) -> None:
        """Send the channel's updates to the client from now on."""
        self._subscribers[channel].add(client)

    def remove_subscriber(self, channel: Channel, client: Subscriber) -> None:
        """Stop sending the channel's updates to the client."""
        self._subscribers[channel].discard(client)
        if not self._subscribers[channel]:
            del self._subscribers[channel]

    def subscribers(self, channel: Channel) -> Iterable[Subscriber]:
        """Return the clients that subscribed to a channel."""
        return self._subscribers.get(channel, ())

    async def _run(self) -> None:
        """Read the api's stream until the api refuses this caller. Resume it after each break."""
        failures = 0
        while self.refusal is None:
            started_at = self._loop.time()
            try:
                await self._read_log_end()
                await self._read_stream()
                failures = 0
            except Exception as error:  # whatever it is: a stream that nobody reads would stay silent
                lasted = self._loop.time() - started_at > STEADY_SECONDS
                failures = 1 if lasted else failures + 1
                self._on_broken_stream(error, failures)
            await asyncio.sleep(retry_pause_seconds(failures))
        self._started.set()

    async def _read_log_end(self) -> None:
        """Read the end of the log, once. If the read model does not answer, the stream starts with the next commit."""
        if self._started.is_set():
            return
        try:
            request = pb.SummarizeJobsRequest()
            summary = await self.upstream.call(self.upstream.jobs.SummarizeJobs, request, self.caller)
        except AioRpcError as error:
            if error.code() in _REFUSALS or not grpc_errors.is_from_api(error):
                raise
            logger.warning("the log's end is not known", extra=fields("live_start", code=error.code().name))
            return
        self._first_log_end = summary.position
        self.position = max(0, summary.position - LOOK_BACK)
        self.recent_commits.clear(self.position)
        self.queue_counts.set_counts(summary)

    async def _read_stream(self) -> None:
        request = pb.WatchJobsRequest(
            previews=True, logs=True, progress=True, heartbeat_seconds=HEARTBEAT_SECONDS
        )
        if self.recent_commits.floor is not None:
            request.after = self.position
        call = self.upstream.jobs.WatchJobs(request, metadata=self.caller.metadata)
        steady = self._loop.call_later(STEADY_SECONDS, self._on_steady_stream)
        self.counts.upstream_streams += 1
        self._started.set()
        try:
            heard = unless_silent(call, SILENCE_SECONDS, lambda: self.api_sends_heartbeats)
            async with aclosing(heard) as updates:
                async for update in updates:
                    self._on_stream_works()
                    self._publish(update)
        finally:
            steady.cancel()
            self.counts.upstream_streams -= 1
            call.cancel()

    def _on_steady_stream(self) -> None:
        """Trust a stream that has lasted for a while, if its api sends no heartbeats that would prove more."""
        if not self.api_sends_heartbeats:
            self._on_stream_works()

    def _on_stream_works(self) -> None:
        if self.paused:
            self.paused = False
            self.counts.paused_streams -= 1
            self.queue_counts.on_stream_works()
            logger.info("the live stream works again", extra=fields("live_again"))

    def _pause(self) -> None:
        """Tell all clients that live updates pause. Those that join meanwhile are told too."""
        if not self.paused:
            self.paused = True
            self.counts.paused_streams += 1
            for client in self.clients:
                client.send_error(*PAUSED)

    def _on_broken_stream(self, error: Exception, failures: int) -> None:
        code = error.code() if isinstance(error, AioRpcError) else None
        name = code.name if code else type(error).__name__
        logger.warning("the live stream broke", extra=fields("live_lost", code=name, failures=failures))
        if code is None and not isinstance(error, SilentStream):
            logger.error("reading the live stream failed", exc_info=error)
        if isinstance(error, AioRpcError) and code in _REFUSALS:
            self._on_refusal(error)
        elif code is grpc.StatusCode.OUT_OF_RANGE:
            # The log ends before the stream's position: the api has another log now.
            self._started.clear()
            self._jobs.clear()
            self.previews.clear()
            self.recent_commits.clear(None)
            self.position = self._first_log_end = 0
            text = "the log was replaced; subscribe again without after"
            self._close_clients(SERVICE_RESTART, text, lambda _: True)
        elif failures >= 2 or isinstance(error, SilentStream):
            self._pause()

    def _on_refusal(self, refusal: AioRpcError) -> None:
        """Close the clients with the refused key. The stream goes on with the key of another one, if there is one."""
        refused = self.caller.key
        others = [client.caller for client in self.clients if client.caller.key != refused]
        self._close_clients(POLICY_VIOLATION, "the api does not accept this key", lambda key: key == refused)
        if others:
            self.caller = others[0]
        else:
            self.refusal = refusal

    def _close_clients(self, code: int, reason: str, closes: Callable[[str | None], bool]) -> None:
        """Close the clients with such keys."""
        for client in self.clients:
            if closes(client.caller.key):
                client.request_close(code, reason)

    def _publish(self, update: pb.WatchJobsResponse) -> None:
        """Pass one message of the stream to the clients that want it."""
        kind = update.WhichOneof("update")
        position = max(self.position, update.position)
        if kind == "job":
            self._publish_commit(update)
        elif kind == "progress" and self._is_current(update.progress.job_id, update.progress.attempt):
            job = self._jobs.get(update.progress.job_id)
            self._publish_latest(outgoing_message.progress(position, update.progress, job))
        elif kind == "preview" and self._is_current(update.preview.job_id, update.preview.attempt):
            self.previews[update.preview.job_id] = update.preview
            self._publish_latest(outgoing_message.preview(position, update.preview))
        elif kind == "log":
            line = outgoing_message.log_line(position, update.log)
            self.recent_lines.append(line)
            for client in self.subscribers(Channel("logs", line.job_id)):
                client.on_line(line)
        elif kind is None:
            self.api_sends_heartbeats = True
        self.position = position
        if self.recent_commits.floor is None:
            self.recent_commits.clear(position)

    def _publish_commit(self, update: pb.WatchJobsResponse) -> None:
        message = outgoing_message.commit(update.position, update.job, list(update.events))
        self._jobs[message.job_id] = update.job
        self._jobs.move_to_end(message.job_id)
        if len(self._jobs) > KNOWN_JOBS:
            self._jobs.popitem(last=False)
        self._conflation.discard((MessageKind.PROGRESS, message.job_id))
        preview = self.previews.get(message.job_id)
        if preview is not None and not self._is_current(message.job_id, preview.attempt):
            del self.previews[message.job_id]
        if update.job.erased:
            self._forget(message.job_id)
        self.recent_commits.add(message)
        for client in self._recipients(message):
            client.on_commit(message)
        self.queue_counts.on_commit()

    def _forget(self, job_id: str) -> None:
        """Drop what is remembered of a job before its erasure: prompts, pictures and log lines."""
        self.recent_commits.forget(job_id)
        self._conflation.discard((MessageKind.PREVIEW, job_id))
        remaining = [line for line in self.recent_lines if line.job_id != job_id]
        self.recent_lines.clear()
        self.recent_lines.extend(remaining)

    def _recipients(self, message: OutgoingMessage) -> set[Subscriber]:
        of_job = self._subscribers.get(Channel("job", message.job_id), set())
        if message.kind is MessageKind.PREVIEW:
            return of_job
        of_all_jobs = self._subscribers.get(JOBS, set())
        return of_job | of_all_jobs if of_job else of_all_jobs

    def _is_current(self, job_id: str, attempt: int) -> bool:
        """Return False for progress or a preview of an attempt that has ended according to the log."""
        job = self._jobs.get(job_id)
        return job is None or (job.status == job_pb2.STATUS_PROCESSING and job.attempt == attempt)

    def _publish_latest(self, message: OutgoingMessage) -> None:
        """Publish soon, unless a newer message of the kind and job replaces it."""
        self._conflation.put((message.kind, message.job_id), message)

    async def _pass_on_conflated(self) -> None:
        while True:
            for message in await self._conflation.take():
                for client in self._recipients(message):
                    client.on_latest(message)
