"""Compares ranges of the log with the archive, commit by commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from struct import Struct

import psycopg

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.ports.raw_log import RawCommit, RawLog
from kinolog_projector.guard.archive_reader import ArchiveReader, ArchiveRow

CHUNK_COMMITS = 1_000
DIGEST_BYTES = 32
_POSITION = Struct(">q")


class DamageKind(StrEnum):
    """How log and archive differ at a position."""

    LOG_LOST = "the log cannot read it any more, the archive holds it"
    LOG_DAMAGED = "its bytes in the log are damaged, the archive holds it"
    ARCHIVE_LOST = "the archive has lost it, the log holds it"
    ARCHIVE_DAMAGED = "its row in the archive is damaged, the log holds it"
    DIFFERENT = "log and archive hold different commits"
    BOTH_LOST = "neither the log nor the archive holds it intact"

    @property
    def concerns_archive(self) -> bool:
        """Whether the archive is wrong and the log is right."""
        return self in (DamageKind.ARCHIVE_LOST, DamageKind.ARCHIVE_DAMAGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A position at which log and archive differ; `job_id` is empty if no copy names the job."""

    position: int
    job_id: str
    kind: DamageKind

    def __str__(self) -> str:
        job = f" (job {self.job_id})" if self.job_id else ""
        return f"position {self.position}{job}: {self.kind}"


class LogComparison:
    """Compares the log with the archive in Postgres. Both sides are read as bytes; nothing is decoded if they agree."""

    def __init__(self, log: RawLog, archive: ArchiveReader) -> None:
        self._log = log
        self._archive = archive

    async def range(self, after: int, until: int) -> list[Damage]:
        """Return the differences after `after` up to `until`, which both sides must have reached.

        Raises `LogUnavailable`, `psycopg.OperationalError`; `psycopg.InternalError` for a damaged page of an index.
        """
        logged = await self._log.stored(after, until)
        unreadable: psycopg.InternalError | None = None
        try:
            archived = await self._archive.hash(after, until)
        except psycopg.InternalError as error:
            archived, unreadable = None, error
        if len(logged) == until - after and archived == range_hash(logged):
            return []
        damages = compare(logged, await self._archive.rows(after, until), after, until)
        if unreadable is not None and not damages:
            raise unreadable  # a page of an index: all rows are right
        return damages


async def archived_damages(log: RawLog, archive: ArchiveReader) -> list[Damage]:
    """Return the differences of the first range that differs, of all that is archived now. Writers may go on."""
    return await first_damages(LogComparison(log, archive), 0, await archive.position())


async def first_damages(comparison: LogComparison, after: int, until: int) -> list[Damage]:
    """Return the differences of the first chunk that differs, after `after` up to `until`. Raises as `range` does."""
    for start in range(after, until, CHUNK_COMMITS):
        if damages := await comparison.range(start, min(start + CHUNK_COMMITS, until)):
            return damages
    return []


def range_hash(commits: Mapping[int, RawCommit]) -> bytes:
    """Return a hash over commits in the order of their positions, as `ArchiveReader.hash` computes it."""
    parts = bytearray()
    for position in sorted(commits):
        commit = commits[position]
        parts += _POSITION.pack(position)
        parts += sha256(commit.raw).digest()
        parts += commit.raw[-DIGEST_BYTES:]  # the last field of a stored commit is its hash
        parts += commit.job_id.encode()
    return sha256(parts).digest()


def compare(
    logged: Mapping[int, RawCommit], archived: Mapping[int, ArchiveRow], after: int, until: int
) -> list[Damage]:
    """Return the differences of a range."""
    found = []
    for position in range(after + 1, until + 1):
        commit, row = logged.get(position), archived.get(position)
        kind = _damage(commit, row)
        if kind is not None:
            job_id = row.job_id if row is not None and row.intact else commit.job_id if commit else ""
            found.append(Damage(position=position, job_id=job_id, kind=kind))
    return found


def is_intact(commit: RawCommit) -> bool:
    """Return whether the bytes are a commit of the job that they are stored under, with the hash stored in them."""
    try:
        wire, _ = parse_commit(commit.raw)
    except DamagedCommit:
        return False
    return wire.job_id == commit.job_id


def _damage(commit: RawCommit | None, row: ArchiveRow | None) -> DamageKind | None:
    """Return how the two copies of a commit differ; None if they are the same."""
    logged = commit is not None and is_intact(commit)
    archived = row is not None and row.intact
    if commit is not None and row is not None and logged and archived:
        return None if commit.raw == row.raw else DamageKind.DIFFERENT
    if logged:
        return DamageKind.ARCHIVE_LOST if row is None else DamageKind.ARCHIVE_DAMAGED
    if archived:
        return DamageKind.LOG_LOST if commit is None else DamageKind.LOG_DAMAGED
    return DamageKind.BOTH_LOST
