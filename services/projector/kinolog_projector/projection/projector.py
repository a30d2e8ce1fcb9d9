"""Follows the log and updates the read models, or stands by while another process does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress

import psycopg

from kinolog.ports.event_store import RESTORE, DamagedLog, EventStore, LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.ports.progress import ProgressFeed
from kinolog.process.backoff import Backoff
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.readmodel.database import Connection, writer_connection
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.batch_reader import BatchReader
from kinolog_projector.projection.live_progress import LiveProgressWriter
from kinolog_projector.projection.projection_tables import CheckpointConflict
from kinolog_projector.projection.uninterrupted import raise_if_cancelled
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.schema.migrate import check_schema

logger = logging.getLogger(__name__)

LEADER_LOCK = 0x6B696E6F6C6F67
"""Advisory lock of the process that writes. It saves the others work; the checkpoint makes rows exact."""

STAND_BY_SECONDS = 1.0
RETRY = Backoff(first_seconds=0.2, longest_seconds=5.0)


class Projector:
    """Keeps the read models up to date. `run` ends only with an error that needs a person."""

    def __init__(
        self,
        database_url: str,
        store: EventStore,
        keys: KeyStore,
        progress: ProgressFeed,
        batch_size: int = 5_000,
        check_archive: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._database_url = database_url
        self._check_archive = check_archive
        self._store = store
        self._preparer = BatchPreparer(store, keys)
        self._live_progress = LiveProgressWriter(progress)
        self._batch_size = batch_size
        self.checked = asyncio.Event()
        """Set when database and log have passed their checks, or another process leads."""
        self.leads = False
        self.position = 0
        self.commits = 0
        self.batches = 0
        self.problem = "the read models have not been reached yet"

    async def run(self) -> None:
        """Update the read models until cancelled. Raises `DamagedLog` and `WrongSchema`, which need a person."""
        pauses = RETRY.pauses()
        collecting = asyncio.create_task(self._live_progress.collect())
        try:
            while True:
                before = self.batches
                try:
                    await self._lead_or_stand_by()
                except (psycopg.OperationalError, LogUnavailable) as error:
                    raise_if_cancelled()
                    self.problem = _first_line(error)
                    logger.warning("the read models are not updated: %s", self.problem, extra=fields("retry"))
                except psycopg.InternalError as error:
                    raise_if_cancelled()
                    self.problem = f"the database is damaged: {_first_line(error)}. {RESTORE}"
                    logger.error("the read models are not updated: %s", self.problem, extra=fields("retry"))
                except CheckpointConflict as conflict:
                    self.problem = str(conflict)
                    logger.warning("another projector was faster: %s", conflict, extra=fields("stand_by"))
                self.leads = False
                if self.batches > before:
                    pauses = RETRY.pauses()
                await asyncio.sleep(next(pauses))
        finally:
            collecting.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(collecting, return_exceptions=True)

    def missing(self) -> list[str]:
        """Return why this process is not ready; empty when it is."""
        return [self.problem] if self.problem else []

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
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

    async def _lead_or_stand_by(self) -> None:
        connection = await writer_connection(self._database_url, "kinolog-projector")
        async with connection:
            await check_schema(connection)
            await self._wait_for_lead(connection)
            await check_schema(connection)
            writer = BatchWriter(connection)
            position = await check_log(writer, self._store)
            if self._check_archive is not None:
                await self._check_archive()
            self.leads, self.position, self.problem = True, position, ""
            self.checked.set()
            logger.info("updating the read models", extra=fields("lead", position=position))
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
            asyncio.create_task(self._live_progress.write(writer)),
            asyncio.create_task(self._live_progress.backfill(writer, caught_up)),
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
        reader = BatchReader(self._preparer, self._batch_size)
        async with aclosing(reader.batches(position, self._store.follow(position))) as batches:
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
    """Return the position to continue from. Raises `DamagedLog` if the log is not the archived one."""
    position, digest = await writer.position()
    last = await store.last_position()
    if last < position:
        raise DamagedLog(
            f"the log ends at position {last}, but commits up to {position} were archived: the log has lost "
            f"its end. {RESTORE}"
        )
    if position:
        async for commits in store.read(position - 1, position):
            if commits[0].digest != digest:
                raise DamagedLog(
                    f"the log holds another commit at position {position} than the archive. Either it is not the "
                    "log that these read models were made from; then give each log a database of its own. Or it has "
                    f"lost commits and was continued. {RESTORE}"
                )
    return position


def _first_line(error: Exception) -> str:
    """Return the first line of an error; the details may contain values."""
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
