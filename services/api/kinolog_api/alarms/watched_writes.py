"""The log with an alarm about writes: raised when it answers reads and stores nothing, as it does on a full disk.

nats-server does not say why it does not answer a write. Without the alarm every submit would wait for its time limit.
One write without an answer says little: the server may have been frozen or restarted, and answer again by now. A second
one that began after the server had answered a read raises the alarm, however much later: only a write that is answered
shows that the log stores.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from kinolog.job.commit import Commit, RecordedCommit
from kinolog.ports.alarms import STORAGE_FULL, Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict, Appended, EventStore, LoadedJob, LogUnavailable
from kinolog.process.tasks import end_tasks

logger = logging.getLogger(__name__)

T = TypeVar("T")

UNWRITABLE = f"{STORAGE_FULL}-log"
"""Name of the alarm. `kinolog up` raises one of the same name when it sees the full disk itself."""

REFUSE_SECONDS = 15.0
"""How long new jobs are refused after a write that got no answer. The next one shows whether that is over."""

READ_SECONDS = 2.0
"""How long a read may take for the log to count as answering."""


class WatchedWrites:
    """An event store that raises an alarm when it does not answer writes although it answers reads."""

    def __init__(
        self,
        store: EventStore,
        alarms: Alarms,
        clock: Clock,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._alarms = alarms
        self._clock = clock
        self._pause = pause
        self._refusing: asyncio.Task[None] | None = None
        self._answered_at: float | None = None
        """When the log answered a read after it had not answered a write, by the clock of the event loop."""

    async def append(self, commit: Commit) -> Appended:
        return await self._watched(self._store.append(commit))

    async def append_first(self, commits: Sequence[Commit]) -> list[Appended | AppendConflict]:
        return await self._watched(self._store.append_first(commits))

    async def load(self, job_id: str) -> LoadedJob | None:
        return await self._store.load(job_id)

    def history(self, job_id: str) -> AsyncIterator[RecordedCommit]:
        return self._store.history(job_id)

    def read(self, after: int, until: int | None = None) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        return self._store.read(after, until)

    def follow(self, after: int) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        return self._store.follow(after)

    async def last_position(self) -> int:
        return await self._store.last_position()

    async def close(self) -> None:
        """Clear the alarm."""
        if self._refusing is not None:
            await end_tasks((self._refusing,))

    async def _watched(self, write: Awaitable[T]) -> T:
        began_at = asyncio.get_running_loop().time()
        try:
            result = await write
        except LogUnavailable:
            if not self._is_refusing and await self._answers_reads() and not self._is_refusing:
                self._suspect(began_at)
            raise
        self._answered_at = None
        if self._refusing is not None:
            self._refusing.cancel()  # it stores again
        return result

    @property
    def _is_refusing(self) -> bool:
        """Whether the alarm stands. A task that is cancelled before it starts never does anything, only ends."""
        return self._refusing is not None and not self._refusing.done()

    def _suspect(self, began_at: float) -> None:
        """Raise the alarm if the log had answered a read before this failed write began; else remember the answer."""
        if self._answered_at is None:
            self._answered_at = asyncio.get_running_loop().time()
        elif self._answered_at <= began_at:
            self._refusing = asyncio.create_task(self._refuse(), name="alarm of the log")

    async def _answers_reads(self) -> bool:
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._store.last_position()
        except (LogUnavailable, TimeoutError):
            return False
        return True

    async def _refuse(self) -> None:
        """Raise the alarm for a while."""
        try:
            await self._alarms.raise_alarm(
                Alarm(
                    name=UNWRITABLE,
                    severity=AlarmSeverity.REFUSE_WRITES,
                    text=(
                        "The event log answers reads and stores nothing: its disk is probably full. Make room on it, "
                        "and restart nats-server unless kinolog up does. Accepted jobs wait and continue by themselves."
                    ),
                    source=self._alarms.source,
                    since=self._clock(),
                )
            )
            await self._pause(REFUSE_SECONDS)
            # The next write without an answer raises it again.
            self._answered_at = asyncio.get_running_loop().time()
        finally:
            self._refusing = None
            await self._alarms.clear(UNWRITABLE)
