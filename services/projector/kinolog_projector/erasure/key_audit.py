"""Compares jobs with the key store and the archive of keys, and raises alarms for keys that are missing or unreadable.

The batch that archives a job archives its key. The audit covers jobs of an earlier version, keys that another master
key wraps since, and keys that could not be read at that time: then the prompt is missing in lists too, and is added.
It also finds keys that the key store has lost, or holds with other bytes, since. An unreadable key never replaces an
archived one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

import psycopg
from psycopg import sql

from kinolog.codec.commits import DamagedCommit, decode_commit
from kinolog.job.state import Job
from kinolog.ports.alarms import Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import DamagedLog, EventStore, LogUnavailable
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields
from kinolog.readmodel.database import Connection, writer_connection
from kinolog_projector.projection.batch import JobPrompts, unsealed_prompts
from kinolog_projector.projection.key_archive import ArchivedKey
from kinolog_projector.projection.projection_tables import ProjectionTables
from kinolog_projector.projection.rows import prompt_row, trigram_row
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.schema.database_damage import DatabaseDamageAlarm, described_damage

logger = logging.getLogger(__name__)

POSITIONS_PER_READ = 5_000
"""Positions of the log whose jobs one query compares."""

JOBS_PER_READ = 500
PAUSE_SECONDS = 0.05
"""Pause between two queries."""

NEWEST_JOBS = 500
REPEAT_SECONDS = 60.0
FULL_AUDIT_ROUNDS = 60
"""Every minute the newest jobs are compared and those whose key was missing or unreadable, every hour all."""

KEYS_MISSING, KEYS_UNREADABLE = "keys-missing", "keys-unreadable"
"""Names of the alarms."""
NAMED_JOBS = 3
"""Jobs that the details of an alarm name."""

_COMPARED = sql.SQL(
    "SELECT prompts.number, prompts.job_id, archived.key_id, archived.wrapped, prompts.prompt IS NULL AS no_prompt"
    " FROM projection.prompts JOIN projection.jobs ON jobs.id = prompts.job_id"
    " LEFT JOIN kinolog.key_archive AS archived ON archived.position = prompts.number"
    " WHERE {} AND NOT jobs.erased ORDER BY prompts.number"
)
IN_SPAN = _COMPARED.format(sql.SQL("prompts.number > %s AND prompts.number <= %s"))
NAMED = _COMPARED.format(sql.SQL("prompts.number = ANY(%s::bigint[])"))
NEWEST = sql.SQL(
    "SELECT min(number) - 1 FROM (SELECT number FROM projection.prompt_trigrams ORDER BY number DESC LIMIT %s)"
)
FIRST_COMMITS = sql.SQL("SELECT position, raw FROM kinolog.archive WHERE position = ANY(%s::bigint[])")
NOT_ERASED = sql.SQL("SELECT id FROM projection.jobs WHERE id = ANY(%s::text[]) AND NOT erased")
ARCHIVED = sql.SQL("SELECT key_id FROM kinolog.key_archive WHERE key_id = ANY(%s::text[])")
LAST_POSITION = sql.SQL("SELECT position FROM projection.checkpoint")


@dataclass(frozen=True, slots=True)
class _ComparedJob:
    """A job that is not erased, as the lists and the archive of keys have it."""

    number: int
    job_id: str
    key_id: str | None
    archived: bytes | None
    no_prompt: bool


@dataclass(frozen=True, slots=True)
class _FirstCommit:
    """A job as its first commit made it."""

    number: int
    job: Job


@dataclass(slots=True)
class KeyFindings:
    """Jobs that are not erased and whose key is missing or unreadable, each with the position of its first commit."""

    missing: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        """The positions of all of them."""
        return sorted({*self.missing.values(), *self.unreadable.values()})

    def joined(self, later: KeyFindings) -> KeyFindings:
        """Return these and those of a later audit."""
        return KeyFindings(self.missing | later.missing, self.unreadable | later.unreadable)


class KeyAudit:
    """Compares all jobs with key store and archive, again and again while this process leads."""

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
        self._damage = DatabaseDamageAlarm(alarms, "keys", clock)
        self._undecodable: set[int] = set()
        """Positions of archived commits that cannot be decoded, and that the log lines have named."""

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Compare jobs after the projector has caught up, again and again, and raise alarms for what is found.

        An audit that an error ends reports what it found until then. What it did not reach counts as before.
        """
        await caught_up.wait()
        known = KeyFindings()
        for number in count():
            newest_only, found = number % FULL_AUDIT_ROUNDS != 0, KeyFindings()
            try:
                await self.audit(writer, newest_only=newest_only, known=known.numbers, found=found)
            except (psycopg.Error, LogUnavailable) as error:
                logger.warning("the archive of keys could not be compared: %s", type(error).__name__)
                found = known.joined(found)
                if isinstance(error, psycopg.InternalError):
                    await self._damage.update(await described_damage(self._database_url, error))
            else:
                await self._damage.update("")
            known = found
            await self._report(known)
            await asyncio.sleep(REPEAT_SECONDS)

    async def audit(
        self,
        writer: BatchWriter,
        *,
        newest_only: bool = False,
        known: Sequence[int] = (),
        found: KeyFindings | None = None,
    ) -> KeyFindings:
        """Compare all jobs once, or the newest and those that begin at the positions `known`.

        Returns `found`, with what was found added; after an error the caller has it too.
        """
        found = KeyFindings() if found is None else found
        async with await writer_connection(self._database_url, "kinolog-key-audit") as connection:
            for at in range(0, len(known) if newest_only else 0, JOBS_PER_READ):
                jobs = await _compared(connection, NAMED, [list(known[at : at + JOBS_PER_READ])])
                await self._compare(connection, writer, jobs, found)
            first = await _number(connection, NEWEST, [NEWEST_JOBS]) if newest_only else 0
            for start in range(first, await _number(connection, LAST_POSITION), POSITIONS_PER_READ):
                jobs = await _compared(connection, IN_SPAN, [start, start + POSITIONS_PER_READ])
                for at in range(0, len(jobs), JOBS_PER_READ):
                    await self._compare(connection, writer, jobs[at : at + JOBS_PER_READ], found)
                await asyncio.sleep(PAUSE_SECONDS)
        return found

    async def _compare(
        self,
        connection: Connection,
        writer: BatchWriter,
        jobs: Sequence[_ComparedJob],
        found: KeyFindings,
    ) -> None:
        """Compare jobs with the key store. Add to the archive and the lists what they lack."""
        archived = [job.key_id for job in jobs if job.key_id is not None]
        stored = await self._keys.get_wrapped(archived)
        incomplete = [job.number for job in jobs if not self._is_complete(job, stored)]
        if not incomplete:
            return
        first_commits = await self._first_commits(connection, incomplete)
        others = {first.job.sealing_key_id for first in first_commits}.difference(archived)
        if others:
            stored |= await self._keys.get_wrapped(sorted(others))
        await self._complete(writer, first_commits, stored, found)

    def _is_complete(self, job: _ComparedJob, stored: Mapping[str, bytes]) -> bool:
        """Return whether the key store and the archive have the same readable key, and the lists a prompt."""
        if job.key_id is None or job.archived is None or job.no_prompt or job.key_id not in stored:
            return False
        if not job.archived.startswith(self._head):
            return False
        if stored[job.key_id] == job.archived:
            return True
        try:
            return self._keys.unwrap(job.key_id, stored[job.key_id]) == self._keys.unwrap(
                job.key_id, job.archived
            )
        except LogUnavailable:
            return False

    async def _complete(
        self,
        writer: BatchWriter,
        jobs: Sequence[_FirstCommit],
        wrapped: Mapping[str, bytes],
        found: KeyFindings,
    ) -> None:
        """Archive the keys of these jobs and add their prompts. Note those whose key is missing or unreadable."""
        for first in jobs:
            if first.job.sealing_key_id not in wrapped and not await self._is_erased(first.job.id):
                found.missing[first.job.id] = first.number
        present = [first for first in jobs if first.job.sealing_key_id in wrapped]
        if not present:
            return

        async def write(connection: Connection, projection: ProjectionTables) -> None:
            cursor = await connection.execute(NOT_ERASED, [[first.job.id for first in present]])
            current = {job_id for (job_id,) in await cursor.fetchall()}
            unsealed = self._unsealed([one for one in present if one.job.id in current], wrapped)
            found.unreadable |= {first.job.id: first.number for first, prompts in unsealed if prompts is None}
            cursor = await connection.execute(ARCHIVED, [[first.job.sealing_key_id for first, _ in unsealed]])
            archived = {key_id for (key_id,) in await cursor.fetchall()}
            keys = [
                ArchivedKey(first.job.sealing_key_id, wrapped[first.job.sealing_key_id], first.number)
                for first, prompts in unsealed
                if prompts is not None or first.job.sealing_key_id not in archived
            ]
            await writer.key_archive.store(connection, keys)
            await projection.write_prompts(
                connection,
                [
                    prompt_row(one.job, one.number, prompts)
                    for one, prompts in unsealed
                    if prompts is not None
                ],
                [
                    trigram_row(one.job, one.number, prompts)
                    for one, prompts in unsealed
                    if prompts is not None
                ],
            )

        await writer.run_exclusively(write)

    def _unsealed(
        self, jobs: Sequence[_FirstCommit], wrapped: Mapping[str, bytes]
    ) -> list[tuple[_FirstCommit, JobPrompts | None]]:
        """Return the jobs with their prompts; None where the key or the sealed prompt cannot be read."""
        unsealed: list[tuple[_FirstCommit, JobPrompts | None]] = []
        for first in jobs:
            key_id = first.job.sealing_key_id
            try:
                prompts = unsealed_prompts(first.job, self._keys.unwrap(key_id, wrapped[key_id]))
            except (LogUnavailable, UnsealFailed):
                unsealed.append((first, None))
            else:
                unsealed.append((first, prompts))
        return unsealed

    async def _first_commits(self, connection: Connection, numbers: Sequence[int]) -> list[_FirstCommit]:
        """Return the first commits at these positions, without those that cannot be decoded: the guard names them."""
        cursor = await connection.execute(FIRST_COMMITS, [list(numbers)])
        found: list[_FirstCommit] = []
        for number, raw in await cursor.fetchall():
            try:
                found.append(_FirstCommit(number, decode_commit(number, bytes(raw)).commit.state))
            except DamagedCommit as damage:
                if number not in self._undecodable:
                    extra = fields("key_not_compared", position=number)
                    logger.error("the key of a job is not compared: %s", damage, extra=extra)
                self._undecodable.add(number)
        return found

    async def _is_erased(self, job_id: str) -> bool:
        """Return whether the job is erased by now. One that the log cannot read is as the lists have it: it is not."""
        try:
            loaded = await self._store.load(job_id)
        except DamagedLog:
            return False
        return loaded is None or loaded.job.erased

    async def _report(self, found: KeyFindings) -> None:
        await self._report_one(
            KEYS_MISSING,
            found.missing,
            "Keys of jobs are missing although the jobs are not erased",
            "Restore the keys from the archive: docs/running.md, Keys are lost",
        )
        await self._report_one(
            KEYS_UNREADABLE,
            found.unreadable,
            "Keys of jobs cannot be read: they are damaged, or another master key wraps them",
            "Give all processes that master key too, or restore the keys from the archive: docs/running.md, "
            "Keys are lost",
        )

    async def _report_one(self, name: str, jobs: Mapping[str, int], what: str, advice: str) -> None:
        if not jobs:
            await self._alarms.clear(name)
            return
        text = f"{what}: their prompts cannot be read, and jobs that have not ended wait. {advice}"
        more = f" and {len(jobs) - NAMED_JOBS} more" if len(jobs) > NAMED_JOBS else ""
        named = ", ".join(islice(jobs, NAMED_JOBS))
        await self._alarms.raise_alarm(
            Alarm(
                name=name,
                severity=AlarmSeverity.WARNING,
                text=text,
                details=f"They concern {named}{more}",
                source=self._alarms.source,
                since=self._clock(),
            )
        )


async def _compared(
    connection: Connection, query: sql.Composed, values: Sequence[object]
) -> list[_ComparedJob]:
    cursor = await connection.execute(query, values)
    return [
        _ComparedJob(int(number), job_id, key_id, None if wrapped is None else bytes(wrapped), no_prompt)
        for number, job_id, key_id, wrapped, no_prompt in await cursor.fetchall()
    ]


async def _number(connection: Connection, query: sql.SQL, values: Sequence[int] = ()) -> int:
    """Return the number that a query reads; 0 for none."""
    cursor = await connection.execute(query, values)
    row = await cursor.fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0
