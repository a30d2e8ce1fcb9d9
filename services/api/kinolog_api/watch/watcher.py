"""What waits to be sent to one watcher: bounded, whatever the watcher does.

Commits are never dropped: a watcher that leaves too many lying is ended, told where to resume. Of progress and
previews only the newest per job waits, of log lines the last few hundred.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from grpc import StatusCode

from kinolog_api.rpc.errors import RpcError
from kinolog_api.watch.encoded_messages import EncodedCommit, EncodedProgress, ProgressKind

MOST_COMMITS = 2_000
MOST_LINES = 500
MOST_JOBS = 1_000
"""Jobs whose newest progress or preview waits; a watcher slower than that misses some."""


@dataclass(frozen=True, slots=True)
class WatchFilter:
    """What a watcher wants to see; without a job, all of the tenant's."""

    tenant: str
    job_id: str | None = None
    kinds: frozenset[ProgressKind] = frozenset()


@dataclass(slots=True)
class PendingMessages:
    """What is to be sent next: commits first, so that weather never runs ahead of the position that it carries."""

    commits: list[EncodedCommit]
    weather: list[EncodedProgress]


@dataclass(slots=True, eq=False)
class Watcher:
    """One stream's place at the hub."""

    interest: WatchFilter
    catching_up: bool = False
    overflowed: bool = False
    _ended: RpcError | None = None
    _commits: deque[EncodedCommit] = field(default_factory=deque)
    _latest: dict[tuple[ProgressKind, str], EncodedProgress] = field(default_factory=dict)
    _lines: deque[EncodedProgress] = field(default_factory=lambda: deque(maxlen=MOST_LINES))
    _something: asyncio.Event = field(default_factory=asyncio.Event)

    def put_commit(self, frame: EncodedCommit) -> None:
        """Keep a commit for it; too many end it, or send it back to the log when it is still catching up."""
        if len(self._commits) >= MOST_COMMITS:
            self._commits.clear()
            if not self.catching_up:
                self.end(_too_slow())
                return
            self.overflowed = True
        self._commits.append(frame)
        if frame.terminal:
            self._latest.pop((ProgressKind.PROGRESS, frame.job_id), None)
            self._latest.pop((ProgressKind.PREVIEW, frame.job_id), None)
        self._something.set()

    def put_weather(self, frame: EncodedProgress) -> None:
        """Keep weather for it, in place of the older one."""
        place = frame.kind, frame.job_id
        if frame.kind is ProgressKind.LOG:
            self._lines.append(frame)
        elif place in self._latest or len(self._latest) < MOST_JOBS:
            self._latest[place] = frame
        self._something.set()

    def end(self, error: RpcError) -> None:
        """Let the stream end with this error once it looks again."""
        self._ended = error
        self._something.set()

    async def take(self) -> PendingMessages:
        """Wait for something to send. Raises the error with which the stream shall end."""
        await self._something.wait()
        return self.take_now()

    def take_now(self) -> PendingMessages:
        """What waits at this moment, perhaps nothing. Raises as `take`."""
        self._something.clear()
        if self._ended is not None:
            self._something.set()
            raise self._ended
        commits, weather = list(self._commits), [*self._lines, *self._latest.values()]
        self._commits.clear()
        self._lines.clear()
        self._latest.clear()
        return PendingMessages(commits, weather)

    def start_over(self) -> None:
        """Forget the commits that overflowed: they are read from the log instead."""
        self._commits.clear()
        self.overflowed = False


def _too_slow() -> RpcError:
    message = "this stream is read more slowly than jobs move: watch again after the last position received"
    return RpcError(StatusCode.ABORTED, "WATCHER_TOO_SLOW", message, retry_seconds=0.0)
