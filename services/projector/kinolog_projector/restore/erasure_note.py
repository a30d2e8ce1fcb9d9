"""Finds which jobs are erased in a log and a database that a backup is about to replace.

The lists may lag: behind the archive while they wait for a rebuild, and behind the log on a full disk. So what they do
not contain yet is read from the archive and from the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import psycopg

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.ports.raw_log import RawLog
from kinolog.readmodel.database import Connection
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.log_comparison import CHUNK_COMMITS

PROJECTED_POSITION = "SELECT position FROM projection.checkpoint"
ERASED_JOBS = "SELECT id FROM projection.jobs WHERE erased"


@dataclass(slots=True, kw_only=True)
class ErasureNote:
    """The ids of erased jobs, and which commits they were found in."""

    position: int
    """Every erasure up to this position is noted; of later ones, those that can be read."""
    last: int
    """The last position of the copy that was read."""
    jobs: set[str] = field(default_factory=set)

    def add(self, positions: range, commits: Iterable[tuple[int, bytes]]) -> None:
        """Note the erasures of a range of commits. The position stays before the first one that cannot be read."""
        read = set()
        for position, raw in commits:
            try:
                wire, _ = parse_commit(raw)
            except DamagedCommit:
                continue
            read.add(position)
            if wire.state.erased:
                self.jobs.add(wire.job_id)
        if self.position == positions.start - 1:
            self.position = next((p for p in positions if p not in read), positions.stop) - 1


async def archived_erasures(connection: Connection) -> ErasureNote:
    """Return the erasures of the lists, and of the archive where it is ahead of them. Raises `psycopg.Error`."""
    archive = ArchiveReader(connection)
    jobs, projected = await _listed_erasures(connection)
    note = ErasureNote(position=projected, last=max(projected, await archive.position()), jobs=jobs)
    for positions in _chunks(projected, note.last):
        rows = await archive.rows(positions.start - 1, positions.stop - 1)
        note.add(positions, ((row.position, row.raw) for row in rows.values() if row.intact))
    return note


async def logged_erasures(log: RawLog, after: int) -> ErasureNote:
    """Return the erasures of the log after a position. Raises `LogUnavailable`."""
    note = ErasureNote(position=after, last=max(after, (await log.extent()).last))
    for positions in _chunks(after, note.last):
        commits = await log.stored(positions.start - 1, positions.stop - 1)
        note.add(positions, ((commit.position, commit.raw) for commit in commits.values()))
    return note


async def _listed_erasures(connection: Connection) -> tuple[set[str], int]:
    """Return the erased jobs of the lists, and the position of these. No job and 0 if the lists cannot be read."""
    try:
        checkpoint = await (await connection.execute(PROJECTED_POSITION)).fetchone()
        jobs = await (await connection.execute(ERASED_JOBS)).fetchall()
    except (psycopg.ProgrammingError, psycopg.InternalError):  # no table, or a damaged page
        return set(), 0
    return {str(job_id) for (job_id,) in jobs}, int(checkpoint[0]) if checkpoint is not None else 0


def _chunks(after: int, last: int) -> Iterable[range]:
    """Yield the positions after `after` up to `last` in ranges."""
    for start in range(after + 1, last + 1, CHUNK_COMMITS):
        yield range(start, min(start + CHUNK_COMMITS, last + 1))
