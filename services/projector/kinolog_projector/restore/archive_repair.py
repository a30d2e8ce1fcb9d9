"""Makes the archive the complete truth: every commit that the log or the archive still holds intact."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kinolog.codec.commits import parse_commit
from kinolog.counts import counted
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.raw_log import RawCommit, RawLog
from kinolog.readmodel.database import Connection
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.log_comparison import is_intact
from kinolog_projector.guard.whole_comparison import (
    ComparedRange,
    WholeComparison,
    compare_all,
    compared_ranges,
)
from kinolog_projector.schema.row_security import SECURE_ARCHIVE

COPY = "COPY kinolog.archive_repaired (position, job_id, raw, digest) FROM STDIN (FORMAT BINARY)"
TYPES = ("int8", "text", "bytea", "bytea")
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kinolog.archive
FOR EACH STATEMENT EXECUTE FUNCTION kinolog.refuse_change()
"""
REPLACE = (
    "ALTER TABLE kinolog.archive_repaired ADD PRIMARY KEY (position)",
    "CREATE INDEX archive_repaired_of_job ON kinolog.archive_repaired (job_id, position)",
    "DROP TABLE kinolog.archive",
    "ALTER TABLE kinolog.archive_repaired RENAME TO archive",
    "ALTER INDEX kinolog.archive_repaired_pkey RENAME TO archive_pkey",
    "ALTER INDEX kinolog.archive_repaired_of_job RENAME TO archive_of_job",
    APPEND_ONLY,
    SECURE_ARCHIVE,
)
"""Replace the archive by the repaired one. Its names stay."""


class Trust(StrEnum):
    """Which copy is right where both are intact and differ."""

    ARCHIVE = "archive"
    LOG = "log"


@dataclass(slots=True, kw_only=True)
class RepairedArchive:
    """What a repair has done: the last position, and the jobs that were queued again at new positions."""

    position: int
    requeued: list[str] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    """Positions of the damaged log whose commits are in no copy any more."""


async def repair_archive(
    reader: Connection, writer: Connection, log: RawLog, trust: Trust | None = None
) -> RepairedArchive:
    """Rebuild the archive from the intact commits of both copies, in one transaction of `writer`.

    Where both are intact and differ, the archive is right if the log lost its end and was continued; jobs that were
    submitted to the continued log follow at the end. Otherwise `trust` must say which one is right. Raises `DamagedLog`
    if it does not, or if a commit is intact in neither. `reader` is a second connection: an error of a damaged page
    would end the transaction.
    """
    archive = ArchiveReader(reader)
    found = await compare_all(log, archive)
    prefer = trust or _preferred(found)
    async with writer.transaction():
        await writer.execute("SELECT position FROM kinolog.log_checkpoint FOR UPDATE")
        await writer.execute("DROP TABLE IF EXISTS kinolog.archive_repaired")
        await writer.execute(
            "CREATE TABLE kinolog.archive_repaired (LIKE kinolog.archive INCLUDING DEFAULTS)"
        )
        repaired, strays = RepairedArchive(position=0), list[RawCommit]()
        digest = b""
        async for right, others in _right_commits(log, archive, prefer, found):
            strays += others
            if right:
                repaired.position = right[-1].position
                digest = await _copy(writer, right)
        again = await _jobs_to_queue_again(archive, strays, repaired.position)
        if again:
            repaired.requeued = [commit.job_id for commit in again]
            repaired.position = again[-1].position
            digest = await _copy(writer, again)
        repaired.dropped = [c.position for c in strays if c.job_id not in repaired.requeued]
        await writer.execute(
            "UPDATE kinolog.log_checkpoint SET position = %s, digest = %s", [repaired.position, digest]
        )
        for statement in REPLACE:
            await writer.execute(statement)
    return repaired


def _preferred(found: WholeComparison) -> Trust:
    if not found.differing or found.was_continued:
        return Trust.ARCHIVE
    shown = ", ".join(map(str, found.differing[:5]))
    raise DamagedLog(
        f"log and archive hold different commits at {counted(len(found.differing), 'position')} ({shown}), and nothing "
        "tells which are right. Compare them with a backup, then say which copy to trust: kinolog restore --trust log, "
        "or --trust archive"
    )


async def _right_commits(
    log: RawLog, archive: ArchiveReader, prefer: Trust, found: WholeComparison
) -> AsyncIterator[tuple[list[RawCommit], list[RawCommit]]]:
    """Yield the right commits of each range, and those of the log that have no place any more."""
    continued = found.was_continued and prefer is Trust.ARCHIVE
    ends_at = found.archived if continued else found.readable_until
    async for compared in compared_ranges(log, archive):
        right: list[RawCommit] = []
        strays: list[RawCommit] = []
        for position in range(compared.after + 1, compared.until + 1):
            archived, logged = _intact_copies(compared, position)
            if continued and archived is not None and logged is not None and archived.raw != logged.raw:
                strays.append(logged)
            if position > ends_at:
                strays += [logged] if logged is not None else []
                continue
            chosen = (archived or logged) if prefer is Trust.ARCHIVE else (logged or archived)
            if chosen is None:
                raise DamagedLog(
                    f"position {position} is intact neither in the log nor in the archive. Restore a backup: "
                    "kinolog restore --from FOLDER"
                )
            right.append(chosen)
        yield right, strays


def _intact_copies(compared: ComparedRange, position: int) -> tuple[RawCommit | None, RawCommit | None]:
    """Return the commit at a position in the archive and in the log, as far as they are intact."""
    row, commit = compared.archived.get(position), compared.logged.get(position)
    archived = RawCommit(position, row.job_id, row.raw) if row is not None and row.intact else None
    return archived, commit if commit is not None and is_intact(commit) else None


async def _jobs_to_queue_again(
    archive: ArchiveReader, strays: Sequence[RawCommit], after: int
) -> list[RawCommit]:
    """Return the first commits of jobs that only a continued log knows, at positions after `after`."""
    firsts = {commit.job_id: commit for commit in reversed(strays) if _is_first(commit)}
    known = await archive.known_jobs(list(firsts)) if firsts else set()
    new = sorted((c for c in firsts.values() if c.job_id not in known), key=lambda commit: commit.position)
    return [RawCommit(after + number, c.job_id, c.raw) for number, c in enumerate(new, start=1)]


def _is_first(commit: RawCommit) -> bool:
    wire, _ = parse_commit(commit.raw)
    return wire.previous_position == 0


async def _copy(writer: Connection, commits: Sequence[RawCommit]) -> bytes:
    """Write commits into the new table. Return the hash of the last one."""
    digest = b""
    async with writer.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.set_types(TYPES)
        for commit in commits:
            _, digest = parse_commit(commit.raw)
            await copy.write_row((commit.position, commit.job_id, commit.raw, digest))
    return digest
