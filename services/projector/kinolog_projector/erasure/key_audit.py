"""Compares jobs with the archive of keys: copies keys that it lacks, and finds jobs whose key is missing.

The batch that archives a job archives its key. The audit covers jobs of an earlier version, keys that another master
key wraps since, and keys that could not be read at that time: then the prompt is missing in lists too, and is added.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import psycopg
from psycopg import sql

from kinolog.codec.commits import decode_commit
from kinolog.job.state import Job
from kinolog.ports.alarms import Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields
from kinolog.readmodel.database import Connection, writer_connection
from kinolog_projector.projection.batch import JobPrompts, unsealed_prompts
from kinolog_projector.projection.key_archive import ArchivedKey
from kinolog_projector.projection.projection_tables import ProjectionTables
from kinolog_projector.projection.rows import prompt_row, trigram_row
from kinolog_projector.projection.writer import BatchWriter

logger = logging.getLogger(__name__)

POSITIONS_PER_READ = 20_000
"""Positions of the log whose jobs one query compares."""

JOBS_PER_WRITE = 500
PAUSE_SECONDS = 0.05
"""Pause between two queries."""

NEWEST_JOBS = 500
REPEAT_SECONDS = 60.0
FULL_AUDIT_ROUNDS = 60
"""Every minute the newest jobs are compared, every hour all, and every minute all while a key is missing."""

KEYS_MISSING = "keys-missing"
"""Name of the alarm."""

INCOMPLETE = sql.SQL(
    "SELECT prompts.number FROM projection.prompts JOIN projection.jobs ON jobs.id = prompts.job_id"
    " LEFT JOIN kinolog.key_archive AS archived ON archived.position = prompts.number"
    " WHERE prompts.number > %s AND prompts.number <= %s AND NOT jobs.erased"
    " AND (archived.key_id IS NULL OR prompts.prompt IS NULL OR substring(archived.wrapped FROM 1 FOR %s) <> %s)"
    " ORDER BY prompts.number"
)
NEWEST = sql.SQL(
    "SELECT min(number) - 1 FROM (SELECT number FROM projection.prompt_trigrams ORDER BY number DESC LIMIT %s)"
)
FIRST_COMMITS = sql.SQL("SELECT position, raw FROM kinolog.archive WHERE position = ANY(%s::bigint[])")
NOT_ERASED = sql.SQL("SELECT id FROM projection.jobs WHERE id = ANY(%s::text[]) AND NOT erased")
LAST_POSITION = sql.SQL("SELECT position FROM projection.checkpoint")


@dataclass(frozen=True, slots=True)
class _FirstCommit:
    """A job as its first commit made it."""

    number: int
    job: Job


class KeyAudit:
    """Compares all jobs with the archive of keys, again and again while this process leads."""

    def __init__(
        self,
        database_url: str,
        store: EventStore,
        keys: ArchivableKeyStore,
        *,
        head: bytes,
        alarms: Alarms,
        clock: Clock,
    ) -> None:
        """Take the dependencies; `head` is what a key begins with that the first master key wraps."""
        self._database_url = database_url
        self._store = store
        self._keys = keys
        self._head = head
        self._alarms = alarms
        self._clock = clock

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Compare jobs after the projector has caught up, again and again, and raise an alarm for missing keys."""
        await caught_up.wait()
        for number in count():
            try:
                missing = await self.audit(writer, newest_only=number % FULL_AUDIT_ROUNDS != 0)
                if missing:
                    missing = await self.audit(writer)
            except (psycopg.OperationalError, LogUnavailable) as error:
                logger.warning("the archive of keys could not be compared: %s", type(error).__name__)
            else:
                await self._report(missing)
            await asyncio.sleep(REPEAT_SECONDS)

    async def audit(self, writer: BatchWriter, *, newest_only: bool = False) -> list[str]:
        """Compare all jobs once, or the newest. Return the ids of those not erased whose key is missing."""
        missing: list[str] = []
        async with await writer_connection(self._database_url, "kinolog-key-audit") as connection:
            first = await _number(connection, NEWEST, [NEWEST_JOBS]) if newest_only else 0
            for start in range(first, await _number(connection, LAST_POSITION), POSITIONS_PER_READ):
                span = [start, start + POSITIONS_PER_READ, len(self._head), self._head]
                cursor = await connection.execute(INCOMPLETE, span)
                numbers = [int(number) for (number,) in await cursor.fetchall()]
                for at in range(0, len(numbers), JOBS_PER_WRITE):
                    jobs = await self._first_commits(connection, numbers[at : at + JOBS_PER_WRITE])
                    missing += await self._complete(writer, jobs)
                await asyncio.sleep(PAUSE_SECONDS)
        return missing

    async def _report(self, missing: Sequence[str]) -> None:
        if not missing:
            await self._alarms.clear(KEYS_MISSING)
            return
        text = (
            f"the keys of {len(missing)} jobs are missing although they are not erased (the first is {missing[0]}): "
            "their prompts cannot be read and they wait. Restore the keys from the archive: docs/running.md, "
            "Keys are lost"
        )
        await self._alarms.raise_alarm(
            Alarm(
                name=KEYS_MISSING,
                severity=AlarmSeverity.WARNING,
                text=text,
                source=self._alarms.source,
                since=self._clock(),
            )
        )

    async def _first_commits(self, connection: Connection, numbers: Sequence[int]) -> list[_FirstCommit]:
        cursor = await connection.execute(FIRST_COMMITS, [list(numbers)])
        found = await cursor.fetchall()
        return [_FirstCommit(number, decode_commit(number, bytes(raw)).commit.state) for number, raw in found]

    async def _complete(self, writer: BatchWriter, jobs: Sequence[_FirstCommit]) -> list[str]:
        """Archive the keys of these jobs and add their prompts. Return the ids of those whose key is missing."""
        wrapped = await self._keys.get_wrapped([first.job.sealing_key_id for first in jobs])
        keyless = [first.job.id for first in jobs if first.job.sealing_key_id not in wrapped]
        missing = [job_id for job_id in keyless if not await self._is_erased(job_id)]
        found = [first for first in jobs if first.job.sealing_key_id in wrapped]
        if not found:
            return missing

        async def write(connection: Connection, projection: ProjectionTables) -> None:
            cursor = await connection.execute(NOT_ERASED, [[first.job.id for first in found]])
            current = {job_id for (job_id,) in await cursor.fetchall()}
            kept = [first for first in found if first.job.id in current]
            if not kept:
                return
            keys = [
                ArchivedKey(first.job.sealing_key_id, wrapped[first.job.sealing_key_id], first.number)
                for first in kept
            ]
            await writer.key_archive.store(connection, keys)
            unsealed = self._unsealed(kept, wrapped)
            await projection.write_prompts(
                connection,
                [prompt_row(first.job, first.number, prompts) for first, prompts in unsealed],
                [trigram_row(first.job, first.number, prompts) for first, prompts in unsealed],
            )

        await writer.run_exclusively(write)
        return missing

    def _unsealed(
        self, jobs: Sequence[_FirstCommit], wrapped: Mapping[str, bytes]
    ) -> list[tuple[_FirstCommit, JobPrompts]]:
        """Return the prompts of the jobs whose prompts can be read."""
        unsealed = []
        for first in jobs:
            key_id = first.job.sealing_key_id
            try:
                prompts = unsealed_prompts(first.job, self._keys.unwrap(key_id, wrapped[key_id]))
            except (LogUnavailable, UnsealFailed) as error:
                extra = fields("unreadable", job=first.job.id)
                logger.error("the prompt of a job cannot be read: %s", error, extra=extra)
            else:
                unsealed.append((first, prompts))
        return unsealed

    async def _is_erased(self, job_id: str) -> bool:
        loaded = await self._store.load(job_id)
        return loaded is None or loaded.job.erased


async def _number(connection: Connection, query: sql.SQL, values: Sequence[int] = ()) -> int:
    """Return the number that a query reads; 0 for none."""
    cursor = await connection.execute(query, values)
    row = await cursor.fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0
