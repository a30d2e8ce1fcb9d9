"""The bounded send queue of one watch stream.

Commits are never dropped: a watcher with too many pending commits ends with an error, and the client resumes after
the last position that it has received. Of progress and previews only the latest per job is pending, of log lines the
last few hundred.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from grpc import StatusCode

from kinolog_api.rpc.errors import RpcError
from kinolog_api.watch.encoded_messages import EncodedCommit, EncodedProgress, ProgressKind

MAX_PENDING_COMMITS = 2_000
MAX_PENDING_LINES = 500
MAX_PENDING_UPDATES = 1_000
"""Jobs whose latest progress or preview is pending. A slower watcher misses updates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFilter:
    """Which messages a watcher receives: those of one job, or without a job id those of all jobs of the tenant."""

    tenant: str
    job_id: str | None = None
    kinds: frozenset[ProgressKind] = frozenset()


@dataclass(frozen=True, slots=True)
class PendingMessages:
    """Messages to send: commits first, so that an update never precedes the commit whose position it carries."""

    commits: list[EncodedCommit]
    updates: list[EncodedProgress]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return not self.commits and not self.updates


@dataclass(slots=True, eq=False)
class Watcher:
    """The subscription of one watch stream."""

    watch_filter: WatchFilter
    catching_up: bool = False
    overflowed: bool = False
    _error: RpcError | None = None
    _commits: deque[EncodedCommit] = field(default_factory=deque)
    _latest: dict[tuple[ProgressKind, str], EncodedProgress] = field(default_factory=dict)
    _lines: deque[EncodedProgress] = field(default_factory=lambda: deque(maxlen=MAX_PENDING_LINES))
    _pending: asyncio.Event = field(default_factory=asyncio.Event)
    _idle_ticks: int = 0
    """Ticks of the timer since the last `take`."""
    _timer: asyncio.TimerHandle | None = None

    def put_commit(self, message: EncodedCommit) -> None:
        """Add a commit. On overflow end the watcher, or mark it `overflowed` while it is catching up."""
        if len(self._commits) >= MAX_PENDING_COMMITS:
            self._commits.clear()
            if not self.catching_up:
                self.end(_too_slow())
                return
            self.overflowed = True
        self._commits.append(message)
        if message.terminal:
            self._latest.pop((ProgressKind.PROGRESS, message.job_id), None)
            self._latest.pop((ProgressKind.PREVIEW, message.job_id), None)
        self._pending.set()

    def put_progress(self, message: EncodedProgress) -> None:
        """Add a progress update. It replaces the pending one of its kind and job, unless it is a log line."""
        key = message.kind, message.job_id
        if message.kind is ProgressKind.LOG:
            self._lines.append(message)
        elif key in self._latest or len(self._latest) < MAX_PENDING_UPDATES:
            self._latest[key] = message
        self._pending.set()

    def end(self, error: RpcError) -> None:
        """Make the stream end with this error."""
        self._error = error
        self._pending.set()

    async def take(self) -> PendingMessages:
        """Wait for pending messages; return none if a heartbeat is due. Raises the error with which the stream ends."""
        await self._pending.wait()
        self._idle_ticks = 0
        return self.take_now()

    def start_heartbeat(self, seconds: float) -> None:
        """Let `take` return without messages when none was taken for `seconds`, or half as long again. 0 for never.

        One timer runs for the whole stream: a time limit of each `take` would cost more than the rest of it.
        """
        if seconds:
            self._timer = asyncio.get_running_loop().call_later(seconds / 2, self._tick, seconds)

    def stop_heartbeat(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self, seconds: float) -> None:
        self._idle_ticks += 1
        if self._idle_ticks > 2:
            self._pending.set()
        self.start_heartbeat(seconds)

    def take_now(self) -> PendingMessages:
        """Return the pending messages, which may be none. Raises like `take`."""
        self._pending.clear()
        if self._error is not None:
            self._pending.set()
            raise self._error
        pending = PendingMessages(list(self._commits), [*self._lines, *self._latest.values()])
        self._commits.clear()
        self._lines.clear()
        self._latest.clear()
        return pending

    def discard_commits(self) -> None:
        """Remove the pending commits; the caller reads them from the log instead."""
        self._commits.clear()
        self.overflowed = False


def _too_slow() -> RpcError:
    message = "this stream is read more slowly than jobs change: watch again after the last position received"
    return RpcError(StatusCode.ABORTED, "WATCHER_TOO_SLOW", message, retry_seconds=0.0)
