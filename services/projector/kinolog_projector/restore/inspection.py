"""Finds out what log, archive and read models hold, and what a restore has to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kinolog.counts import counted
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.keys import KeyStore
from kinolog.ports.raw_log import RawLog
from kinolog.readmodel.database import Connection
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.whole_comparison import WholeComparison, compare_all
from kinolog_projector.restore.damaged_pages import (
    ARCHIVE,
    NEW_DATABASE,
    is_projected,
    is_salvageable,
    tables_of,
)
from kinolog_projector.restore.key_restore import lost_keys
from kinolog_projector.schema.projection_schema import projection_problem

MAX_LINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found. A restore does the steps that are True, in the order of the fields."""

    salvage: tuple[str, ...]
    """Permanent tables that are written again without their damaged pages."""
    repair_archive: bool
    """The archive lacks commits that the log holds, or holds damaged ones."""
    replace_log: bool
    """The log holds damaged or wrong commits: it must be set aside and written again."""
    refill_log: bool
    """The log or the key store lacks what its archive holds."""
    lost_keys: int
    rebuild: str
    """Why the read models must be rebuilt; empty if they need not."""
    found: tuple[str, ...]
    """What was found, one fact a line."""
    commits: int
    ahead: int
    """Commits of the log that are not archived yet."""
    hash: str

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing to restore."""
        damaged = self.salvage or self.repair_archive or self.replace_log or self.refill_log
        return not (damaged or self.rebuild or self.ahead)

    @property
    def steps(self) -> tuple[str, ...]:
        """What a restore does, in words."""
        steps = [f"write {table} again without its damaged pages" for table in self.salvage]
        if self.repair_archive:
            steps.append("build the archive again from every intact commit of log and archive")
        if self.replace_log:
            steps.append("set the damaged log aside, and write it again from the archive, with lost keys")
        elif self.refill_log:
            steps.append("fill the log and the keys from their archives")
        if self.rebuild:
            steps.append("rebuild the read models from the log")
        if self.ahead and not self.repair_archive:
            steps.append(f"archive what is in the log alone: {counted(self.ahead, 'commit')}")
        return (*steps, "compare every commit of the log with the archive")


async def inspect_all(
    connection: Connection,
    log: RawLog,
    stored_keys: KeyStore,
    unwrap: Callable[[str, bytes], bytes],
    damaged_files: Sequence[str] = (),
) -> Inspection:
    """Compare everything. Nothing may be written meanwhile. Raises `LogUnavailable`, `DamagedLog`.

    `unwrap` returns a key that is stored or archived, or raises `LogUnavailable`. `damaged_files` are the numbers of
    files of Postgres with damaged pages.
    """
    damaged = await tables_of(connection, damaged_files)
    salvage = tuple(table for table in damaged if is_salvageable(table))
    hopeless = [t for t in damaged if t != ARCHIVE and not is_salvageable(t) and not is_projected(t)]
    if hopeless:
        raise DamagedLog(
            f"Postgres is damaged where only a new one helps ({', '.join(hopeless)}): {NEW_DATABASE}"
        )
    projected = [table for table in damaged if is_projected(table)]
    problem = f"pages of {', '.join(projected)} are damaged" if projected else ""
    compared = await compare_all(log, ArchiveReader(connection))
    replace = _must_be_replaced(compared)
    # An archive of keys with damaged pages is written again first, and filled up by the next start.
    keys = 0 if salvage else await lost_keys(connection, stored_keys, unwrap)
    refill = replace or compared.extent.last < compared.archived or keys > 0
    return Inspection(
        salvage=salvage,
        repair_archive=ARCHIVE in damaged
        or not compared.archive_is_whole
        or bool(compared.differing)
        or replace,
        replace_log=replace,
        refill_log=refill,
        rebuild=problem or await projection_problem(connection),
        lost_keys=keys,
        found=(*(f"pages of {table} are damaged" for table in damaged), *_found(compared, keys)),
        commits=max(compared.extent.last, compared.archived),
        ahead=compared.ahead,
        hash=compared.hash,
    )


def _must_be_replaced(compared: WholeComparison) -> bool:
    """Return whether filling up the log does not make it whole. A log that ends too early can be filled up."""
    if compared.log_is_whole:
        return False
    lost_at_end = max(0, compared.archived - compared.extent.last)
    wrong = sum(count for kind, count in compared.counts.items() if not kind.concerns_archive)
    return not compared.extent.is_whole or wrong > lost_at_end


def _found(compared: WholeComparison, keys: int) -> list[str]:
    extent = compared.extent
    lines = [
        f"the log ends at position {extent.last} and counts {counted(extent.commits, 'commit')}",
        f"the archive ends at position {compared.archived}",
    ]
    lines += [f"{counted(count, 'commit')}: {kind}" for kind, count in compared.counts.items()]
    lines += [str(damage) for damage in compared.examples[:MAX_LINES]]
    if compared.was_continued:
        lines.append(
            f"the log lost its end and was continued at position {compared.differing[0]}: the archive is right, "
            "jobs that only the log knows are queued again"
        )
    elif compared.differing:
        lines.append(
            f"log and archive hold different commits at {counted(len(compared.differing), 'position')}"
        )
    if compared.lost_unarchived:
        lines.append(
            "damaged at the end of the log, not archived yet and so lost: "
            f"{counted(len(compared.lost_unarchived), 'commit')}"
        )
    if keys:
        lines.append(f"lost or damaged, but in the archive: {counted(keys, 'key')} of jobs")
    return lines
