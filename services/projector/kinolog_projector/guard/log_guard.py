"""Watches over the log and its archive: at start before anything is written, and then all the time.

The start compares the extent of the log, its newest commits and samples of the others. After that a slow pass over all
commits begins every `PASS_SECONDS`. Its speed is limited to `CHUNK_COMMITS` every `CHUNK_SECONDS`: 1,000 commits a
second, some three per cent of a core. So a log of 30,000 commits is read within half a minute, and a larger one in
proportion (decision 14).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from random import SystemRandom

import psycopg

from kinolog.counts import counted
from kinolog.ports.alarms import LOG_DAMAGED, LOG_DAMAGED_TEXT, Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.raw_log import RawLog
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.tasks import end_tasks, errors_in
from kinolog.readmodel.database import Connection, writer_connection
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.log_comparison import Damage, LogComparison
from kinolog_projector.schema.database_damage import described_damage

logger = logging.getLogger(__name__)

CHUNK_COMMITS = 500
CHUNK_SECONDS = 0.5
PASS_SECONDS = 30.0
RETRY_SECONDS = 5.0
START_COMMITS = 5_000
"""The newest commits that a start compares."""
START_SAMPLES = 5
"""Chunks of older commits that a start compares."""
NAMED = 3
"""Differences that an alarm names."""


class LogGuard:
    """Compares the log with the archive. Once they differ, `damaged` is set and an alarm refuses writes."""

    def __init__(self, database_url: str, log: RawLog, alarms: Alarms, clock: Clock) -> None:
        self._database_url = database_url
        self._log = log
        self._alarms = alarms
        self._clock = clock
        self._random = SystemRandom()
        self.damaged = asyncio.Event()
        self.problem = ""
        """That something is damaged and what to do, for all tenants; empty while nothing is."""
        self.damage = ""
        """What is damaged, for operators; empty while nothing is."""
        self.compared = 0
        """Commits that were compared since the start."""
        self.passes = 0
        """Passes over the whole log that have ended."""

    async def check_start(self) -> None:
        """Compare what a start compares. Raises `DamagedLog` if log and archive differ, `LogUnavailable`."""
        async with self._archive() as archive:
            last = await archive.position()
            await self._check_extent(last)
            comparison = LogComparison(self._log, archive)
            for after in self._start_chunks(last):
                damages = await comparison.range(after, min(after + CHUNK_COMMITS, last))
                if damages:
                    raise DamagedLog(described(damages))
            if last <= START_COMMITS:
                await archive.read_job_index()

    async def run(self) -> None:
        """Compare the whole log again and again until cancelled or damage is found; then announce it and return."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await self._pass()
            except DamagedLog as damage:
                await self.report(damage)
                return
            except psycopg.InternalError as error:
                await self.report(DamagedLog(await described_damage(self._database_url, error)))
                return
            except (LogUnavailable, psycopg.Error) as error:
                logger.warning("the log is not compared with its archive now: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self.passes += 1
                await asyncio.sleep(max(CHUNK_SECONDS, started + PASS_SECONDS - loop.time()))

    async def beside(self, dispatch: Callable[[], Awaitable[None]]) -> None:
        """Run `dispatch` until damage is found. Then stop it, and wait until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.run(), name="log guard")
            dispatching = group.create_task(self._until_damaged(dispatch), name="dispatch")
            await self.damaged.wait()
            logger.error("no ticket is issued any more", extra=fields("dispatch_stopped"))
            await end_tasks((dispatching,))
            await asyncio.Event().wait()

    async def report(self, damage: DamagedLog) -> None:
        """Announce damage: in the log of the process, as an alarm that refuses writes, and by `problem`."""
        self.damage, self.problem = str(damage), LOG_DAMAGED_TEXT
        logger.error("the log is damaged: %s", self.damage, extra=fields("log_damaged"))
        alarm = Alarm(
            name=LOG_DAMAGED,
            severity=AlarmSeverity.REFUSE_WRITES,
            text=self.problem,
            details=self.damage,
            source=self._alarms.source,
            since=self._clock(),
        )
        await self._alarms.raise_alarm(alarm)
        self.damaged.set()

    def missing(self) -> list[str]:
        """Return why the process is not ready; empty when it is."""
        return [self.problem] if self.problem else []

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
        return [
            Metric(
                name="kinolog_log_damaged", value=float(bool(self.problem)), help="1 if the log is damaged."
            ),
            Metric(
                name="kinolog_log_compared_total",
                value=self.compared,
                help="Commits of the log that were compared with the archive.",
                kind="counter",
            ),
            Metric(
                name="kinolog_log_comparisons_total",
                value=self.passes,
                help="Comparisons of the whole log that ended without a difference.",
                kind="counter",
            ),
        ]

    async def _until_damaged(self, dispatch: Callable[[], Awaitable[None]]) -> None:
        """Dispatch. Damage that the dispatch finds is announced like any other."""
        try:
            await dispatch()
        except* DamagedLog as found:
            await self.report(DamagedLog(str(next(errors_in(found)))))

    async def _pass(self) -> None:
        """Compare all commits up to the last one that is archived now. Raises `DamagedLog`."""
        async with self._archive() as archive:
            comparison = LogComparison(self._log, archive)
            after = 0
            while after < (last := await archive.position()):
                await self._check_extent(last)
                until = min(after + CHUNK_COMMITS, last)
                damages = await comparison.range(after, until)
                if damages:
                    raise DamagedLog(described(damages))
                self.compared += until - after
                after = until
                await asyncio.sleep(CHUNK_SECONDS)
            await self._check_extent(last)
            await archive.read_job_index()

    async def _check_extent(self, archived: int) -> None:
        """Raise `DamagedLog` if the log states that it lacks commits."""
        extent = await self._log.extent()
        if extent.last < archived:
            raise DamagedLog(
                f"the log ends at position {extent.last}, but commits up to {archived} were archived: "
                "the log has lost its end"
            )
        if not extent.is_whole:
            raise DamagedLog(
                f"the log holds {counted(extent.commits, 'commit')} from position {extent.first} to {extent.last}: "
                "commits are missing"
            )

    def _start_chunks(self, last: int) -> Iterator[int]:
        """Yield where chunks begin: all chunks of the newest commits, and random older ones."""
        newest = max(0, last - START_COMMITS)
        yield from range(newest, last, CHUNK_COMMITS)
        for _ in range(min(START_SAMPLES, newest // CHUNK_COMMITS)):
            yield self._random.randrange(0, newest, CHUNK_COMMITS)

    @asynccontextmanager
    async def _archive(self) -> AsyncIterator[ArchiveReader]:
        connection: Connection = await writer_connection(self._database_url, "kinolog-guard")
        async with connection:
            yield ArchiveReader(connection)


def described(damages: list[Damage]) -> str:
    """Return the first differences in words, and how many more there are in the same range."""
    more = len(damages) - NAMED
    rest = f"; and {more} more beside them" if more > 0 else ""
    return "log and archive differ: " + "; ".join(map(str, damages[:NAMED])) + rest
