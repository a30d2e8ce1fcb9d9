"""Tells which segments of the backup before stay: those of the same history, which a new backup continues."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import psycopg

from kinolog.backup.folder import BackupFolder
from kinolog.backup.manifest import Manifest, Segment, UnusableBackup
from kinolog.counts import counted
from kinolog.ports.event_store import RESTORE, DamagedLog
from kinolog.ports.raw_log import RawLog
from kinolog.process.logs import fields
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.log_comparison import Damage, LogComparison, first_damages
from kinolog_projector.guard.log_guard import described

logger = logging.getLogger(__name__)

NOTHING = "nothing was backed up"
"""How a message about damage begins: the backup of before is as it was."""


class OtherHistory(UnusableBackup):
    """The folder holds commits that this kinolog does not have."""

    def __init__(self, folder: Path, first: int, last: int) -> None:
        super().__init__(
            f"{folder} holds the backup of another kinolog, or of this one before it lost data or was restored: the "
            f"commits at positions {first} to {last} are not those of its log. Nothing was changed. Name another "
            "folder. Restore this backup only if what it holds shall replace what kinolog holds now: a restore drops "
            "all jobs that are not in it"
        )


class ArchiveBehind(UnusableBackup):
    """The archive has not reached the backup before, but the log has: it is filled from the log."""

    def __init__(self, archived: int, logged: int) -> None:
        super().__init__(
            f"the archive is still being filled from the log: it has {archived} of {counted(logged, 'commit')}. "
            "Nothing was changed. Try again when it has reached the end; it is filled while kinolog runs"
        )


class SegmentComparison:
    """Compares the segments of a folder with log and archive."""

    def __init__(self, folder: BackupFolder, log: RawLog, archive: ArchiveReader) -> None:
        self._folder = folder
        self._log = log
        self._archive = archive

    async def unchanged(self, before: Manifest | None, position: int, full_commits: int) -> list[Segment]:
        """Return the segments that stay. From the first that is damaged or not full all are new.

        `position` is the end of the archive, `full_commits` the number of commits of a full segment. Raises
        `OtherHistory` if a segment holds another commit than log and archive, or a later one: writing it again would
        delete what may be the last copy, such as after a data folder was lost and a new one was started. Raises
        `DamagedLog` if log and archive differ in a segment, `ArchiveBehind`, `LogUnavailable`, `psycopg.InternalError`.
        """
        if before is None:
            return []
        if before.position > position:
            raise await self._shorter(before.position, position)
        kept: list[Segment] = []
        stays = True
        for segment in before.segments:
            read = await asyncio.to_thread(self._folder.read_segment, segment)
            if read.problem:
                logger.warning(
                    "%s %s: it is written again", segment.path, read.problem, extra=fields("segment")
                )
                stays = False
                continue
            await self._check(segment, read.content_hash)
            stays = stays and segment.last - segment.first + 1 == full_commits
            if stays:
                kept.append(segment)
        return kept

    async def _shorter(self, backed_up: int, archived: int) -> UnusableBackup:
        """Return why the archive ends before the backup."""
        logged = (await self._log.extent()).last
        if logged >= backed_up:
            return ArchiveBehind(archived, logged)
        return OtherHistory(self._folder.path, max(archived, logged) + 1, backed_up)

    async def _check(self, segment: Segment, content: bytes) -> None:
        """Compare a segment with the archive, and if they differ the archive with the log: it may be the wrong one."""
        try:
            if content == await self._archive.content_hash(segment.first - 1, segment.last):
                return
        except psycopg.InternalError:
            await self._check_archive(segment)
            raise  # a damaged page of an index: all rows are right
        await self._check_archive(segment)
        raise OtherHistory(self._folder.path, segment.first, segment.last)

    async def _check_archive(self, segment: Segment) -> None:
        comparison = LogComparison(self._log, self._archive)
        check_damages(await first_damages(comparison, segment.first - 1, segment.last))


def check_damages(damages: list[Damage]) -> None:
    """Raise `DamagedLog` for differences of log and archive: neither is backed up."""
    if damages:
        raise DamagedLog(f"{NOTHING}: {described(damages)}. {RESTORE}")
