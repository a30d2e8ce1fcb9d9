"""Compares the whole log with the whole archive, at full speed, and sums up what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256

from kinolog.ports.raw_log import LogExtent, RawCommit, RawLog
from kinolog_projector.guard.archive_reader import ArchiveReader, ArchiveRow
from kinolog_projector.guard.log_comparison import Damage, DamageKind, compare, is_intact, range_hash

CHUNK_COMMITS = 1_000
MAX_EXAMPLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRange:
    """Both copies of a range of positions, and how they differ. Past the end of the archive there is only the log."""

    after: int
    until: int
    logged: dict[int, RawCommit]
    archived: dict[int, ArchiveRow]
    damages: list[Damage]


@dataclass(slots=True, kw_only=True)
class WholeComparison:
    """How log and archive compare. `hash` covers every commit of the log; two equal logs have equal hashes."""

    extent: LogExtent
    archived: int
    counts: Counter[DamageKind] = field(default_factory=Counter)
    examples: list[Damage] = field(default_factory=list)
    differing: list[int] = field(default_factory=list)
    """Positions at which both hold an intact commit, but not the same."""
    lost_unarchived: list[int] = field(default_factory=list)
    """Positions after the end of the archive whose commits the log cannot read."""
    hash: str = ""

    @property
    def log_is_whole(self) -> bool:
        """Whether the log holds every commit intact, and the same as the archive."""
        return self.extent.is_whole and all(kind.concerns_archive for kind in self.counts)

    @property
    def archive_is_whole(self) -> bool:
        """Whether the archive holds every commit up to its position intact."""
        return not any(kind.concerns_archive or kind is DamageKind.BOTH_LOST for kind in self.counts)

    @property
    def ahead(self) -> int:
        """Commits of the log that are not archived yet."""
        return max(0, self.extent.last - self.archived)

    @property
    def readable_until(self) -> int:
        """The last position before a commit that is lost because it was not archived yet; the end if none is."""
        last = max(self.extent.last, self.archived)
        return min(self.lost_unarchived, default=last + 1) - 1

    @property
    def was_continued(self) -> bool:
        """Whether the log lost its end and was continued: it differs from some position on to its end."""
        return bool(self.differing) and self.differing == list(
            range(self.differing[0], min(self.extent.last, self.archived) + 1)
        )

    def add(self, compared: ComparedRange) -> None:
        """Count the differences of a range."""
        self.counts.update(damage.kind for damage in compared.damages)
        self.examples += compared.damages[: MAX_EXAMPLES - len(self.examples)]
        self.lost_unarchived += [
            d.position
            for d in compared.damages
            if d.kind is DamageKind.BOTH_LOST and d.position > self.archived
        ]
        self.differing += [d.position for d in compared.damages if d.kind is DamageKind.DIFFERENT]


async def compared_ranges(log: RawLog, archive: ArchiveReader) -> AsyncIterator[ComparedRange]:
    """Yield every range of positions that the log or the archive has, in order. Raises `LogUnavailable`."""
    archived = await archive.position()
    last = max(archived, (await log.extent()).last)
    for after in range(0, last, CHUNK_COMMITS):
        until = min(after + CHUNK_COMMITS, last)
        logged = await log.stored(after, until)
        archive_until = min(until, archived)
        rows = await archive.rows(after, archive_until) if archive_until > after else {}
        damages = compare(logged, rows, after, archive_until)
        for position in range(max(after, archived) + 1, until + 1):
            commit = logged.get(position)
            if commit is None or not is_intact(commit):
                job_id = commit.job_id if commit is not None else ""
                damages.append(Damage(position=position, job_id=job_id, kind=DamageKind.BOTH_LOST))
        yield ComparedRange(after=after, until=until, logged=logged, archived=rows, damages=damages)


async def compare_all(log: RawLog, archive: ArchiveReader) -> WholeComparison:
    """Compare everything. Nothing may be written meanwhile. Raises `LogUnavailable`."""
    found = WholeComparison(extent=await log.extent(), archived=await archive.position())
    running = sha256()
    async for compared in compared_ranges(log, archive):
        found.add(compared)
        running.update(range_hash(compared.logged))
    found.hash = running.hexdigest()
    return found
