"""The targets of a watch, and how they are read over REST while there is no live connection. Pure; parts of a flow."""

from __future__ import annotations

from typing import Protocol

from kinolog_client.errors import GatewayError, GatewayUnreachable, ServerError, TooManyRequests
from kinolog_client.live.session import POSITION_AHEAD, LiveSession
from kinolog_client.live.steps import Call, ConnectionLost, Flow, LiveEvent, MessageReceived
from kinolog_client.live.updates import (
    JobEnded,
    JobUpdated,
    Json,
    LiveError,
    LogLineReceived,
    QueueCounted,
    parse_update,
    update_of_job,
)
from kinolog_client.models.analytics import DistributionInfo
from kinolog_client.models.history import LogPageInfo
from kinolog_client.models.jobs import JobCountsInfo, JobInfo, JobPageInfo
from kinolog_client.operations import analytics_operations, job_operations

FIRST_LINES = 20
"""Log lines that a channel begins with, as the gateway has it."""
POLLED_LINES = 1_000
POLLED_JOBS = 100


class Watch(Protocol):
    """The target of a flow. `start`, `receive` and `poll` return the events to emit, in order."""

    ended: bool
    """Whether nothing follows the last event that was returned."""

    def start(self) -> Flow[list[LiveEvent]]:
        """Read where to begin, and subscribe. Raises `GatewayError`."""

    def receive(self, message: Json) -> list[LiveEvent]:
        """Process a message. Raises `ConnectionLost` if the channel is refused."""

    def poll(self) -> Flow[list[LiveEvent]]:
        """Read over REST what has changed. Raises `GatewayError`."""

    def is_fatal(self, error: GatewayError) -> bool:
        """Return whether an error of `poll` ends the watch at once."""


def is_fatal(error: GatewayError) -> bool:
    """Return whether a retry cannot help."""
    return not isinstance(error, GatewayUnreachable | ServerError | TooManyRequests)


class JobWatch:
    """One job until it ends, with `logs` also its log lines."""

    def __init__(
        self, session: LiveSession, job_id: str, *, logs: bool = False, after: int | None = None
    ) -> None:
        self.ended = False
        self._session = session
        self._job_id = job_id
        self._channel = f"job:{job_id}"
        self._logs = f"logs:{job_id}" if logs else None
        self._after = after
        self._known = (0, 0.0)
        """Position of the job's last commit and its percent, as last emitted."""

    def start(self) -> Flow[list[LiveEvent]]:
        """Begin with the job as it stands, or after a position with what happened since."""
        job: JobInfo = yield Call(job_operations.status(self._job_id))
        self._session.subscribe(self._channel)
        if self._logs is not None:
            self._session.subscribe(self._logs)
        if self._after is None:
            return [self._update_of(job)]
        self._session.advance(self._after)
        if job.position <= self._after:
            self._known = (job.position, job.percent)
            self.ended = job.ended
        return []

    def receive(self, message: Json) -> list[LiveEvent]:
        """Return an update, until the end of the job."""
        update = parse_update(message)
        if isinstance(update, LiveError) and update.channel == self._channel:
            if update.reason != POSITION_AHEAD:  # REST returns the error with its cause
                raise ConnectionLost(update.message)
            self._known = (0, 0.0)
        elif isinstance(update, JobUpdated | JobEnded):
            job = update.state.job
            self._known = (self._known[0] if job is None else job.position, update.state.percent)
            self.ended = isinstance(update, JobEnded)
        return [] if update is None else [update]

    def poll(self) -> Flow[list[LiveEvent]]:
        """Return the new log lines, then the job if it moved on."""
        job: JobInfo = yield Call(job_operations.status(self._job_id))
        events = [] if self._logs is None else (yield from self._poll_lines(self._logs))
        if (job.position, job.percent) != self._known:
            events.append(self._update_of(job))
        return events

    def is_fatal(self, error: GatewayError) -> bool:
        """A job that is not there, or a key that is refused, ends the watch."""
        return is_fatal(error)

    def _update_of(self, job: JobInfo) -> JobUpdated | JobEnded:
        self._known = (job.position, job.percent)
        self._session.advance(job.position)
        self.ended = job.ended
        return update_of_job(job)

    def _poll_lines(self, channel: str) -> Flow[list[LiveEvent]]:
        last = self._session.sequence(channel)
        limit = FIRST_LINES if last is None else POLLED_LINES
        page: LogPageInfo = yield Call(job_operations.logs(self._job_id, limit=limit, after=last))
        for line in page.entries:
            self._session.advance_log(channel, line.sequence)
        position = self._session.position or 0
        return [LogLineReceived(position=position, job_id=self._job_id, line=line) for line in page.entries]


class JobListWatch:
    """Every job, and the numbers of jobs by status. Has no end."""

    def __init__(self, session: LiveSession, *, after: int | None = None) -> None:
        self.ended = False
        self._session = session
        self._after = after
        self._counts: JobCountsInfo | None = None

    def start(self) -> Flow[list[LiveEvent]]:
        """Begin after the position of the counts."""
        counts: DistributionInfo = yield Call(analytics_operations.status_distribution())
        self._session.subscribe("jobs")
        self._session.subscribe("queue")
        self._session.advance(counts.position if self._after is None else self._after)
        return []

    def receive(self, message: Json) -> list[LiveEvent]:
        """Return an update."""
        update = parse_update(message)
        if isinstance(update, QueueCounted):
            self._counts = update.counts
        return [] if update is None else [update]

    def poll(self) -> Flow[list[LiveEvent]]:
        """Return every job with a commit after the last known position, oldest first, and the counts if changed."""
        known = self._session.position or 0
        changed: list[JobInfo] = []
        cursor: str | None = None
        while True:
            page: JobPageInfo = yield Call(
                job_operations.jobs(sort="updated_at", limit=POLLED_JOBS, cursor=cursor)
            )
            newer = [job for job in page.jobs if job.position > known]
            changed += newer
            cursor = page.next_cursor
            if cursor is None or len(newer) < len(page.jobs):
                break
        changed.sort(key=lambda job: job.position)
        events: list[LiveEvent] = [update_of_job(job) for job in changed]
        for position in (page.position, *(job.position for job in changed[-1:])):
            self._session.advance(position)
        if page.summary != self._counts:
            self._counts = page.summary
            events.append(QueueCounted(position=page.position, counts=page.summary))
        return events

    def is_fatal(self, error: GatewayError) -> bool:
        """A key that is refused ends the watch."""
        return is_fatal(error)


class FeedWatch:
    """The messages of every job for a screen that reads everything else over REST itself. Nothing ends it."""

    def __init__(self, session: LiveSession) -> None:
        self.ended = False
        session.subscribe("jobs")
        session.subscribe("queue")

    def start(self) -> Flow[list[LiveEvent]]:
        """Begin with what happens next."""
        yield from ()
        return []

    def receive(self, message: Json) -> list[LiveEvent]:
        """Return the message as it is: most progress is replaced by newer before anyone reads it."""
        return [MessageReceived(message)]

    def poll(self) -> Flow[list[LiveEvent]]:
        """Check that REST answers. Return nothing."""
        yield Call(analytics_operations.status_distribution())
        return []

    def is_fatal(self, error: GatewayError) -> bool:
        """The screen shows the error and waits."""
        return False


def watch_for(session: LiveSession, job_id: str | None, *, logs: bool, after: int | None) -> Watch:
    """Return the watch of one job, or of every job."""
    if job_id is None:
        return JobListWatch(session, after=after)
    return JobWatch(session, job_id, logs=logs, after=after)
