"""Follows the log and keeps the read models in step with it, or stands by while another process does."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress

import psycopg

from kinolog.ports.event_store import DamagedLog, EventStore, LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import ProgressFeed
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.readmodel.database import Connection, writer_connection
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.batch_reader import BatchReader
from kinolog_projector.projection.live_progress import LiveProgressWriter
from kinolog_projector.projection.uninterrupted import raise_if_cancelled
from kinolog_projector.projection.writer import BatchWriter, CheckpointConflict
from kinolog_projector.schema.migrate import check_schema

logger = logging.getLogger(__name__)

LEADER_LOCK = 0x6B696E6F6C6F67
"""Advisory lock of the process that writes. It spares the others the work; what keeps them exact is the checkpoint."""

STAND_BY_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0


class Projector:
    """One process's share in keeping the read models. `run` goes on for ever, or ends with what cannot be mended."""

    def __init__(
        self,
        database_url: str,
        store: EventStore,
        keys: KeyStore,
        progress: ProgressFeed,
        batch_size: int = 5_000,
    ) -> None:
        self._database_url = database_url
        self._store = store
        self._preparer = BatchPreparer(store, keys)
        self._weather = LiveProgressWriter(progress)
        self._batch_size = batch_size
        self.checked = asyncio.Event()
        """Set once the database and the log were found in order, or another process leads."""
        self.leads = False
        self.position = 0
        self.commits = 0
        self.batches = 0
        self.problem = "the read models were not reached yet"

    async def run(self) -> None:
        """Keep the read models. Raises `DamagedLog` and `WrongSchema`: those need a person."""
        pause = SHORTEST_PAUSE_SECONDS
        gathering = asyncio.create_task(self._weather.gather())
        try:
            while True:
                before = self.batches
                try:
                    await self._take_part()
                except (psycopg.OperationalError, LogUnavailable) as error:
                    raise_if_cancelled()
                    self.problem = _plain(error)
                    logger.warning("the read models stand still: %s", self.problem, extra=fields("retry"))
                except CheckpointConflict as overtaken:
                    self.problem = str(overtaken)
                    logger.warning("another projector was faster: %s", overtaken, extra=fields("stand_by"))
                self.leads = False
                pause = SHORTEST_PAUSE_SECONDS if self.batches > before else pause * 2
                pause = min(pause, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause)
        finally:
            gathering.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(gathering, return_exceptions=True)

    def missing(self) -> list[str]:
        """What keeps this process from being ready."""
        return [self.problem] if self.problem else []

    def metrics(self) -> list[Metric]:
        """Figures for the probe."""
        return [
            Metric(
                name="kinolog_projector_position", value=self.position, help="Last position that was written."
            ),
            Metric(
                name="kinolog_projector_leads", value=float(self.leads), help="1 while this process writes."
            ),
            Metric(
                name="kinolog_projector_commits_total",
                value=self.commits,
                help="Commits written.",
                kind="counter",
            ),
            Metric(
                name="kinolog_projector_batches_total",
                value=self.batches,
                help="Batches written.",
                kind="counter",
            ),
        ]

    async def _take_part(self) -> None:
        connection = await writer_connection(self._database_url, "kinolog-projector")
        async with connection:
            await check_schema(connection)
            await self._wait_for_lead(connection)
            await check_schema(connection)
            writer = BatchWriter(connection)
            position = await check_log(writer, self._store)
            self.leads, self.position, self.problem = True, position, ""
            self.checked.set()
            logger.info("keeping the read models", extra=fields("lead", position=position))
            await self._lead(writer, position)

    async def _wait_for_lead(self, connection: Connection) -> None:
        if await _try_to_lead(connection):
            return
        logger.info("standing by: another projector leads", extra=fields("stand_by"))
        self.problem = ""
        self.checked.set()
        while True:
            await asyncio.sleep(STAND_BY_SECONDS)
            if await _try_to_lead(connection):
                return

    async def _lead(self, writer: BatchWriter, position: int) -> None:
        caught_up = asyncio.Event()
        tasks = (
            asyncio.create_task(self._write(writer, position, caught_up)),
            asyncio.create_task(self._weather.keep(writer)),
            asyncio.create_task(self._weather.backfill(writer, caught_up)),
        )
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, writer: BatchWriter, position: int, caught_up: asyncio.Event) -> None:
        last = await self._store.last_position()
        intake = BatchReader(self._preparer, self._batch_size)
        async with aclosing(intake.batches(position, self._store.follow(position))) as batches:
            if position >= last:
                caught_up.set()
            async for batch in batches:
                await writer.apply(batch)
                self.position = batch.last
                self.commits += len(batch.commits)
                self.batches += 1
                if batch.last >= last:
                    caught_up.set()


async def _try_to_lead(connection: Connection) -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK])
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def check_log(writer: BatchWriter, store: EventStore) -> int:
    """The position to go on from. Raises `DamagedLog` when the log is not the one that was archived."""
    position, digest = await writer.position()
    last = await store.last_position()
    if last < position:
        raise DamagedLog(
            f"the log ends at position {last}, but commits up to {position} were archived: the log has lost "
            "its end. Stop all services and restore it from the archive: kinolog-projector restore"
        )
    if position:
        async for commits in store.read(position - 1, position):
            if commits[0].digest != digest:
                raise DamagedLog(
                    f"the log holds another commit at position {position} than the archive: this is not the log "
                    "that these read models were made from. Give each log a database of its own"
                )
    return position


def _plain(error: Exception) -> str:
    """The first line of what an error says; details may hold values."""
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
