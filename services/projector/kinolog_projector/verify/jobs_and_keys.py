"""Compares every job, as its last commit has it, with the rows that lists show, with its key and with its files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import Table

from kinolog.codec.commits import DamagedCommit, decode_commit
from kinolog.counts import counted
from kinolog.job.state import Job
from kinolog.ports.artifacts import ArtifactMissing, ArtifactStore
from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.readmodel import tables
from kinolog.readmodel.database import Connection
from kinolog.readmodel.tables import LIVE_COLUMNS, PROJECTION_SCHEMA, Row
from kinolog_projector.projection.rows import (
    artifact_rows,
    attempt_row,
    counted_job,
    input_rows,
    job_row,
    scene_rows,
    thumbnail_rows,
)
from kinolog_projector.verify.difference import Advance, Difference, DifferenceFound

JOBS_PER_READ = 500
ERASURE = timedelta(minutes=10)
"""How long an erasure may take that deletes files and key after its commit."""
FILES_AT_ONCE = 16
NOT_OF_STATE = {*LIVE_COLUMNS, "queued_at"}
"""Columns of `jobs` that the state of a job does not hold."""

JOBS = """
SELECT job_id, min(position), max(position), sum(octet_length(raw))
FROM kinolog.archive WHERE position <= %s GROUP BY job_id ORDER BY min(position)
"""
LAST_COMMITS = "SELECT position, raw FROM kinolog.archive WHERE position = ANY(%s::bigint[])"
ROWS = "SELECT * FROM {table} WHERE {key} = ANY(%s::text[])"
LISTED = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(PROJECTION_SCHEMA, "jobs"))
SURPLUS = sql.SQL(
    "SELECT id, position FROM {} AS listed WHERE NOT EXISTS (SELECT 1 FROM kinolog.archive"
    " WHERE archive.job_id = listed.id) ORDER BY number LIMIT 1"
).format(sql.Identifier(PROJECTION_SCHEMA, "jobs"))
ARCHIVED_KEYS = "SELECT key_id, wrapped FROM kinolog.key_archive WHERE key_id = ANY(%s::text[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastCommitOfJob:
    """A job as the archive has it: the positions of its first and last commit, their bytes, and its state."""

    first: int
    last: int
    log_bytes: int
    state: Job


class JobsAndKeys:
    """Compares jobs in batches. The connection is in a transaction that reads one state of the database."""

    def __init__(
        self,
        connection: Connection,
        store: EventStore,
        keys: ArchivableKeyStore,
        artifacts: ArtifactStore | None,
    ) -> None:
        """Compare the sizes of files too, if there is a store of them."""
        self._connection = connection
        self._store = store
        self._keys = keys
        self._artifacts = artifacts
        self.key_difference: Difference | None = None
        self.file_difference: Difference | None = None
        self.listed_difference: Difference | None = None
        self.files = 0
        """How many files were compared."""

    async def run(self, until: int, advance: Advance, *, read_files: bool = False) -> int:
        """Compare the jobs of the archive up to a position. Return how many; `read_files` hashes files too."""
        cursor = await self._connection.execute(JOBS, [until])
        known = await cursor.fetchall()
        for at in range(0, len(known), JOBS_PER_READ):
            part = known[at : at + JOBS_PER_READ]
            jobs = await self._jobs(part)
            self.listed_difference = self.listed_difference or await self._compare_rows(jobs)
            self.key_difference = self.key_difference or await self._compare_keys(jobs)
            if self._artifacts is not None and self.file_difference is None:
                self.file_difference = await self._compare_files(self._artifacts, jobs, read=read_files)
            advance(len(part))
        cursor = await self._connection.execute(LISTED)
        row = await cursor.fetchone()
        if row is not None and row[0] > len(known) and self.listed_difference is None:
            self.listed_difference = await self._surplus()
        return len(known)

    async def _surplus(self) -> Difference | None:
        cursor = await self._connection.execute(SURPLUS)
        row = await cursor.fetchone()
        if row is None:
            return None
        return Difference(
            position=int(row[1]), job_id=str(row[0]), text="lists show a job that the archive lacks"
        )

    async def _jobs(self, known: Sequence[tuple[Any, ...]]) -> list[LastCommitOfJob]:
        cursor = await self._connection.execute(LAST_COMMITS, [[last for _, _, last, _ in known]])
        raws = {int(position): bytes(raw) for position, raw in await cursor.fetchall()}
        jobs = []
        for job_id, first, last, size in known:
            try:
                state = decode_commit(last, raws[last]).commit.state
            except DamagedCommit as error:
                text = f"the archived commit cannot be read: {error}"
                raise DifferenceFound(Difference(position=last, job_id=job_id, text=text)) from error
            jobs.append(LastCommitOfJob(first=int(first), last=int(last), log_bytes=int(size), state=state))
        return jobs

    async def _compare_rows(self, jobs: Sequence[LastCommitOfJob]) -> Difference | None:
        listed = {row["id"]: row for row in await self._rows(tables.jobs, "id", jobs)}
        for job in jobs:
            row = listed.get(job.state.id)
            if row is None:
                return _of(job, "lists lack the job")
            if wrong := _differing(_job_row(job), row):
                return _of(job, f"lists show another {wrong}")
        whole = [job for job in jobs if not job.state.erased]
        for table, made in (
            (tables.scenes, lambda state: scene_rows(state)),
            (tables.attempts, lambda state: (attempt_row(state.id, one) for one in state.attempts)),
            (tables.artifacts, _artifact_rows),
        ):
            found = dict[str, list[Row]]()
            for row in await self._rows(table, "job_id", whole):
                found.setdefault(row["job_id"], []).append(row)
            keys = [column.name for column in table.primary_key]
            for job in whole:
                expected = {tuple(row[key] for key in keys): row for row in made(job.state)}
                stored = {tuple(row[key] for key in keys): row for row in found.get(job.state.id, ())}
                if expected.keys() != stored.keys():
                    text = f"lists have {counted(len(stored), 'row')} of its {table.name} instead of {len(expected)}"
                    return _of(job, text)
                for key, made_row in expected.items():
                    if wrong := _differing(made_row, stored[key]):
                        return _of(job, f"lists show another {wrong} of its {table.name}")
        return None

    async def _rows(self, table: Table, key: str, jobs: Sequence[LastCommitOfJob]) -> list[dict[str, Any]]:
        query = sql.SQL(ROWS).format(
            table=sql.Identifier(PROJECTION_SCHEMA, table.name), key=sql.Identifier(key)
        )
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, [[job.state.id for job in jobs]])
            return await cursor.fetchall()

    async def _compare_keys(self, jobs: Sequence[LastCommitOfJob]) -> Difference | None:
        """Return the first job whose key is missing, is another one than its copy, or is there after an erasure."""
        ids = [job.state.sealing_key_id for job in jobs]
        cursor = await self._connection.execute(ARCHIVED_KEYS, [ids])
        archived = {str(key_id): bytes(wrapped) for key_id, wrapped in await cursor.fetchall()}
        stored = await self._keys.get_wrapped(ids)
        for job in jobs:
            key_id = job.state.sealing_key_id
            problem = self._key_problem(job.state, stored.get(key_id), archived.get(key_id))
            if problem and await self._is_current(job):
                return _of(job, problem)
        return None

    def _key_problem(self, state: Job, stored: bytes | None, archived: bytes | None) -> str:
        """Return what is wrong with the key of a job; empty if nothing is."""
        if state.erased:
            return (
                ""
                if stored is archived is None
                else "the job is erased, but its key still exists; erase it again"
            )
        if stored is None or archived is None:
            where = "key store" if stored is None else "archive of keys"
            return f"the {where} lacks the key of the job"
        if stored == archived or self._is_same_key(state.sealing_key_id, stored, archived):
            return ""
        return "the key of the job is another one than its archived copy"

    async def _is_current(self, job: LastCommitOfJob) -> bool:
        """Return whether the job has not changed meanwhile, and is not being erased."""
        loaded = await self._store.load(job.state.id)
        if loaded is not None and loaded.position != job.last:
            return False
        return not job.state.erased or datetime.now(UTC) - job.state.updated_at > ERASURE

    def _is_same_key(self, key_id: str, stored: bytes, archived: bytes) -> bool:
        """Return whether two wrapped keys are the same: another master key may wrap one of them."""
        try:
            return self._keys.unwrap(key_id, stored) == self._keys.unwrap(key_id, archived)
        except LogUnavailable:
            return False

    async def _compare_files(
        self, artifacts: ArtifactStore, jobs: Sequence[LastCommitOfJob], *, read: bool
    ) -> Difference | None:
        files = [(job, row) for job in jobs if not job.state.erased for row in _files(job.state)]
        for at in range(0, len(files), FILES_AT_ONCE):
            part = files[at : at + FILES_AT_ONCE]
            problems = await asyncio.gather(*(_file_problem(artifacts, row, read) for _, row in part))
            self.files += len(part)
            for (job, row), problem in zip(part, problems, strict=True):
                if problem and await self._is_current(job):
                    return _of(job, f"its {row['kind']} {row['key']} {problem}")
        return None


def _job_row(job: LastCommitOfJob) -> Row:
    """Return the row of `jobs` as far as the state of the job holds it."""
    row = job_row(
        job.state,
        counted=counted_job(job.state, job.first, None),
        queued_at=job.state.created_at,
        position=job.last,
        new_bytes=job.log_bytes,
        before=None,
    )
    return {name: value for name, value in row.items() if name not in NOT_OF_STATE}


def _artifact_rows(state: Job) -> Iterator[Row]:
    yield from artifact_rows(state)
    yield from thumbnail_rows(state)
    yield from input_rows(state)


def _files(state: Job) -> Iterator[Row]:
    """Yield what is stored of the files of a job, each once."""
    seen = set[str]()
    for row in _artifact_rows(state):
        if row["key"] not in seen:
            seen.add(row["key"])
            yield row


def _differing(expected: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Return the first column whose value differs; empty without one."""
    return next((name for name, value in expected.items() if not _is_same(value, row[name])), "")


def _is_same(expected: object, found: object) -> bool:
    if isinstance(expected, tuple | list) and isinstance(found, tuple | list):
        return len(expected) == len(found) and all(map(_is_same, expected, found))
    return expected == found


async def _file_problem(artifacts: ArtifactStore, row: Row, read: bool) -> str:
    """Return how a file differs from the log; empty if it does not."""
    try:
        if not read:
            stat = await artifacts.head(row["key"])
            if stat is None:
                return "is not stored"
            return "" if stat.size_bytes == row["size_bytes"] else "has another size"
        found = await artifacts.measure(row["key"])
    except ArtifactMissing:
        return "is not stored"
    except ValueError:
        return "has an invalid key"
    if found.size_bytes != row["size_bytes"]:
        return "has another size"
    return "" if found.sha256 == row["sha256"] else "has another SHA-256"


def _of(job: LastCommitOfJob, text: str) -> Difference:
    return Difference(position=job.last, job_id=job.state.id, text=text)
