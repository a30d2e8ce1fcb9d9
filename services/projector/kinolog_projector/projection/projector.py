"""Follows the log and updates the read models, or stands by while another process does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeAlias

import psycopg

from kinolog.ports.event_store import RESTORE, DamagedLog, EventStore, LogUnavailable
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.ports.progress import ProgressFeed
from kinolog.process.backoff import Backoff
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.standstill import Standstill
from kinolog.process.tasks import end_tasks, keep_running
from kinolog.readmodel.database import Connection, first_line, writer_connection
from kinolog.scheduling.tenant_waits import TenantWaits
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.batch_reader import BatchReader
from kinolog_projector.projection.live_progress import LiveProgressWriter
from kinolog_projector.projection.projection_tables import CheckpointConflict
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.schema.database_damage import REBUILD, DatabaseDamage, found_damage
from kinolog_projector.schema.projection_schema import projection_problem
from kinolog_projector.schema.revision import WrongSchema, check_versions

logger = logging.getLogger(__name__)

STARTED = "Jobs of a tenant whose first attempt started."
WAITED = "Seconds that they had waited for it, together."

LEADER_LOCK = 0x6B696E6F6C6F67
"""Advisory lock of the process that writes. It saves the others work; the checkpoint makes rows exact."""

Companion: TypeAlias = Callable[[BatchWriter, asyncio.Event], Coroutine[Any, Any, None]]
"""Runs beside the writes until it is cancelled. The event is set when the read models have caught up with the log.

An error in it stops no write: it is logged, and the work is started again.
"""
COMPANION_SECONDS = 15.0
"""Pause before that."""

STAND_BY_SECONDS = 1.0
RETRY = Backoff(first_seconds=0.2, longest_seconds=5.0)
CHECK_SECONDS = 2.0
"""How often the position is compared with the end of the log."""
STANDSTILL = Backoff(first_seconds=20.0, longest_seconds=600.0)
"""How long the projection may make no step while it is behind. It doubles with each start that completed no batch."""


class StoodStill(Exception):
    """The projection was behind the log and did not move. The message says where."""


class UnusableReadModels(Exception):
    """The read models are missing, incomplete or damaged, or at another position than the archive."""


class Projector:
    """Keeps the read models up to date. `run` ends only with an error that needs a person."""

    def __init__(
        self,
        database_url: str,
        store: EventStore,
        keys: ArchivableKeyStore,
        progress: ProgressFeed,
        batch_size: int = 5_000,
        check_archive: Callable[[], Awaitable[None]] | None = None,
        rebuild: Callable[[], Awaitable[str]] | None = None,
        companions: Sequence[Companion] = (),
    ) -> None:
        """Take the dependencies. `companions` run beside the writes while this process leads.

        `rebuild` makes read models again that cannot be used, and returns why not; empty if it did.
        """
        self._database_url = database_url
        self._check_archive = check_archive
        self._rebuild = rebuild
        self._store = store
        self._preparer = BatchPreparer(store, keys)
        self._live_progress = LiveProgressWriter(progress)
        self._batch_size = batch_size
        self._companions = companions
        self.checked = asyncio.Event()
        """Set when database and log have passed their checks, or another process leads."""
        self.leads = False
        self.position = 0
        self.log_end = 0
        """Last position of the log, as last read."""
        self.commits = 0
        self._waits = TenantWaits()
        self.batches = 0
        self.restarts = 0
        """How often the projection was started again because it stood still."""
        self.problem = "the read models have not been reached yet"
        self.standstill = ""
        """Where the projection stood still; empty once it has moved again."""
        self.damage = ""
        """What of the database cannot be read or written, and which command helps; empty once a batch is written."""
        self._log_problem = ""
        self._steps = 0
        """Grows with everything that is completed: a start, a look of a process that stands by, a batch."""
        self._connection: Connection | None = None

    async def run(self) -> None:
        """Update the read models until cancelled.

        Raises `DamagedLog`, and before the first check has passed `WrongSchema`: both need a person. Read models that
        cannot be used are made again; the dispatch in this process goes on.
        """
        pauses, limits = RETRY.pauses(), STANDSTILL.pauses()
        collecting = asyncio.create_task(self._live_progress.collect(), name="live progress")
        try:
            while True:
                before = self.batches
                try:
                    await self._lead_unless_still(next(limits))
                except (psycopg.OperationalError, psycopg.InterfaceError, LogUnavailable) as error:
                    self.problem = first_line(error)
                    logger.warning("the read models are not updated: %s", self.problem, extra=fields("retry"))
                except psycopg.InternalError as error:
                    await self._meet_damage(await found_damage(self._database_url, error))
                except UnusableReadModels as error:
                    await self._heal(str(error))
                except WrongSchema as error:
                    if not self.checked.is_set():
                        raise
                    self._note_damage(f"the read models cannot be written: {error}")
                except (psycopg.ProgrammingError, psycopg.DataError) as error:
                    if not self.checked.is_set():
                        raise
                    # The error of a statement may quote a value.
                    await self._heal(f"the read models cannot be written: {type(error).__name__}")
                except psycopg.IntegrityError as error:
                    await self._heal(f"the read models contradict the log: {first_line(error)}")
                except StoodStill as still:
                    self.problem = self.standstill = str(still)
                    self.restarts += 1
                    logger.error("%s; starting again", still, extra=fields("standstill", part="projection"))
                except CheckpointConflict as conflict:
                    self.problem = str(conflict)
                    logger.warning("another projector was faster: %s", conflict, extra=fields("stand_by"))
                self.leads = False
                if self.batches > before:
                    pauses, limits = RETRY.pauses(), STANDSTILL.pauses()
                await asyncio.sleep(next(pauses))
        finally:
            await end_tasks((collecting,))

    def missing(self) -> list[str]:
        """Return why this process is not ready; empty when it is."""
        return [problem for problem in (self.problem or self.damage, self._log_problem) if problem]

    async def _meet_damage(self, damage: DatabaseDamage) -> None:
        """Heal damage of the read models. Any other is told; at the start it raises `DamagedLog`."""
        if damage.is_projected:
            await self._heal(damage.what)
        elif self.checked.is_set():
            self._note_damage(damage.text)
        else:
            raise DamagedLog(damage.text)

    async def _heal(self, problem: str) -> None:
        """Make the read models again, or say which command does. Nothing is written to them meanwhile."""
        self.leads = False
        if self._rebuild is None:
            self._note_damage(f"{problem}. {REBUILD}")
            return
        if not self.damage:
            self._note_damage(f"{problem}. They are made again from the log")
        if failure := await self._rebuild():
            self._note_damage(f"{problem}. {failure}. {REBUILD}")

    def _note_damage(self, problem: str) -> None:
        self.problem = self.damage = problem
        logger.error("the read models are not updated: %s", problem, extra=fields("retry"))

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
        start = "kinolog_projector"
        still = "Starts of the projection after it stood still."
        return [
            Metric(name=f"{start}_position", value=self.position, help="Last position that was written."),
            Metric(
                name=f"{start}_log_position",
                value=self.log_end,
                help="Last position of the log, as last read.",
            ),
            Metric(name=f"{start}_restarts_total", value=self.restarts, help=still, kind="counter"),
            Metric(name=f"{start}_leads", value=float(self.leads), help="1 while this process writes."),
            Metric(
                name=f"{start}_commits_total", value=self.commits, help="Commits written.", kind="counter"
            ),
            Metric(
                name=f"{start}_batches_total", value=self.batches, help="Batches written.", kind="counter"
            ),
            *(_of_tenant(name, "started_jobs", wait.jobs, STARTED) for name, wait in self._waits),
            *(_of_tenant(name, "wait_seconds", wait.seconds, WAITED) for name, wait in self._waits),
        ]

    async def _lead_unless_still(self, limit_seconds: float) -> None:
        """Lead or stand by until that fails. Raises what it raises, or `StoodStill` after so long without a step."""
        standstill = Standstill(limit_seconds)
        leading = asyncio.create_task(self._lead_or_stand_by(), name="projection")
        try:
            while not (await asyncio.wait((leading,), timeout=CHECK_SECONDS))[0]:
                await self._read_log_end()
                if self.leads and self.position >= self.log_end:
                    self.standstill = self.damage = ""
                is_behind = not self.leads or self.position < self.log_end
                if standstill.observe(self._steps, self._steps + is_behind):
                    raise StoodStill(
                        f"the read models stand still at position {self.position}, the log is at {self.log_end}"
                    )
            leading.result()
        finally:
            await end_tasks((leading,))
            if self._connection is not None:
                await self._connection.close()

    async def _read_log_end(self) -> None:
        try:
            self.log_end = await self._store.last_position()
        except LogUnavailable as unavailable:
            self._log_problem = f"the log does not answer: {first_line(unavailable)}"
        else:
            self._log_problem = ""

    async def _lead_or_stand_by(self) -> None:
        connection = self._connection = await writer_connection(self._database_url, "kinolog-projector")
        async with connection:
            await check_versions(connection)
            self._steps += 1
            await self._wait_for_lead(connection)
            await check_versions(connection)
            writer = BatchWriter(connection)
            position = await check_log(writer, self._store)
            if self._check_archive is not None:
                await self._check_archive()
            self.checked.set()
            if problem := await projection_problem(connection):
                raise UnusableReadModels(problem)
            self.leads, self.position, self.problem = True, position, ""
            self._steps += 1
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
            self._steps += 1
            if await _try_to_lead(connection):
                return

    async def _lead(self, writer: BatchWriter, position: int) -> None:
        caught_up = asyncio.Event()
        tasks = (
            asyncio.create_task(self._write(writer, position, caught_up)),
            asyncio.create_task(self._live_progress.write(writer)),
            asyncio.create_task(self._live_progress.backfill(writer, caught_up)),
            *(
                asyncio.create_task(
                    keep_running(
                        "work beside the projection", partial(run, writer, caught_up), COMPANION_SECONDS
                    )
                )
                for run in self._companions
            ),
        )
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            await end_tasks(tasks)

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
                for job_commits in batch.jobs.values():
                    self._waits.add(job_commits.state, job_commits.commits)
                self.batches += 1
                self._steps += 1
                self.standstill = self.damage = ""
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


def _of_tenant(tenant: str, name: str, value: float, text: str) -> Metric:
    labels = {"tenant": tenant}
    return Metric(name=f"kinolog_tenant_{name}_total", value=value, help=text, kind="counter", labels=labels)
