"""Makes a backup beside the running services. Only what is new is copied, and what is copied is checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import LiteralString

import psycopg
from psycopg import sql

from kinolog.backup.folder import BackupFolder, record
from kinolog.backup.manifest import ARTIFACTS, LOG, BackupFile, Manifest, Segment, UnusableBackup
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactMissing, ArtifactStore, digest_in
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.raw_log import RawLog
from kinolog.readmodel.database import Connection, writer_connection
from kinolog_projector.backup.copied_tables import COPIED_TABLES
from kinolog_projector.backup.segment_comparison import NOTHING, SegmentComparison, check_damages
from kinolog_projector.backup.table_copy import TableCopier, TableCopy
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.log_comparison import LogComparison
from kinolog_projector.schema.database_damage import described_damage
from kinolog_projector.schema.revision import check_schema

SEGMENT_COMMITS = 10_000
CHUNK_COMMITS = 1_000
TRIES = 3
STILL_SECONDS = 10.0
"""An archive that is behind the log and has not grown for this long is not waited for any longer."""
POLL_SECONDS = 0.1


FILES = """
SELECT key FROM projection.artifacts UNION SELECT artifact_key FROM projection.scenes
JOIN projection.jobs ON jobs.id = scenes.job_id WHERE artifact_key IS NOT NULL AND NOT jobs.erased
"""


LISTED = "SELECT EXISTS (SELECT 1 FROM ({}) AS files (key) WHERE key = %s)"


MASTER_KEYS = """
SELECT DISTINCT encode(substring(wrapped FROM 2 FOR 8), 'hex') FROM kinolog.key_archive WHERE length(wrapped) > 32
"""
"""A wrapped key begins with a version byte and the id of its master key (kinolog.privacy.master_keys)."""


class FilesChanged(UnusableBackup):
    """A file vanished while it was copied: its job was erased meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBackup:
    """What a backup holds, and what was new."""

    position: int
    logged: int
    """The last position of the log when the backup began. The archive may end before it."""
    new_commits: int
    keys: int
    kept_keys: int
    """Keys of the backup before that kinolog has lost, of jobs that are not erased."""
    kept_log_lines: int
    """Log lines of the backup before that the database lacks."""
    artifacts: int
    new_artifacts: int
    lost: tuple[str, ...]
    """Files that the log names, but neither the artifact store nor the backup holds intact, with the reason."""
    missing: str = ""
    """Which commits the backup lacks because the archive does; empty if it is complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedState:
    """What was copied of one state of the database, and the files that it names."""

    position: int
    tables: dict[str, TableCopy]
    files: list[str]
    master_keys: tuple[str, ...]


@dataclass(slots=True)
class CopiedFiles:
    """The files of a backup, how many were new, and those that are lost."""

    files: list[BackupFile] = field(default_factory=list)
    new: int = 0
    lost: list[str] = field(default_factory=list)


class Backup:
    """One backup of log, keys, log lines and files into a folder."""

    def __init__(
        self,
        database_url: str,
        log: RawLog,
        artifacts: ArtifactStore,
        folder: BackupFolder,
        *,
        verify: bool = False,
    ) -> None:
        """Take the sources. With `verify` the files that the backup has already are read and hashed again."""
        self._verify = verify
        self._database_url = database_url
        self._log = log
        self._artifacts = artifacts
        self._folder = folder
        self._kept: list[Segment] | None = None
        """Segments of the backup of before that stay. Another try does not compare them again."""

    async def make(self) -> MadeBackup:
        """Copy what is new. Raises `UnusableBackup`, `WrongSchema`, `LogUnavailable`.

        Raises `DamagedLog` if log and archive differ in what is copied or was before, or if Postgres cannot read it.
        A job may be erased meanwhile; then the copy starts again, from a state in which it is. An archive that is
        behind the log is waited for as long as it grows; what is backed up may then end before the log does.
        """
        with self._folder.prepared():
            self._kept = None
            for remaining in reversed(range(TRIES)):
                try:
                    return await self._make()
                except FilesChanged:
                    if not remaining:
                        raise
                except psycopg.InternalError as error:  # a damaged page
                    damage = await described_damage(self._database_url, error)
                    raise DamagedLog(f"{NOTHING}: {damage}") from error
        raise AssertionError("unreachable")

    async def _make(self) -> MadeBackup:
        before = self._folder.manifest()
        stamp = datetime.now(UTC)
        async with await writer_connection(self._database_url, "kinolog-backup") as connection:
            await check_schema(connection)
            archive = ArchiveReader(connection)
            logged = await self._filled(archive)
            if self._kept is None:
                comparison = SegmentComparison(self._folder, self._log, archive)
                self._kept = await comparison.unchanged(before, await archive.position(), SEGMENT_COMMITS)
            kept = self._kept
            state = await self._copy_state(connection, before, f"{stamp:%Y%m%dT%H%M%S%f}")
            segments = [*kept, *[s async for s in self._new_segments(connection, kept, state.position)]]
            copied = await self._copy_files(connection, state.files, before)
        manifest = Manifest(
            kinolog=version("kinolog"),
            made_at=stamp.isoformat(timespec="seconds"),
            position=state.position,
            logged=logged,
            master_keys=state.master_keys,
            segments=tuple(segments),
            tables={name: table.file for name, table in state.tables.items()},
            artifacts=tuple(copied.files),
        )
        self._folder.write_manifest(manifest)
        return MadeBackup(
            position=state.position,
            logged=max(logged, state.position),
            new_commits=state.position - (kept[-1].last if kept else 0),
            keys=state.tables["keys"].file.rows,
            kept_keys=state.tables["keys"].kept,
            kept_log_lines=state.tables["log_lines"].kept,
            artifacts=len(copied.files),
            new_artifacts=copied.new,
            lost=tuple(copied.lost),
            missing=manifest.missing_text,
        )

    async def _filled(self, archive: ArchiveReader) -> int:
        """Wait until the archive has reached the end that the log has now, or stands still. Return that end."""
        logged = (await self._log.extent()).last
        loop = asyncio.get_running_loop()
        reached, moved_at = await archive.position(), loop.time()
        while reached < logged and loop.time() - moved_at < STILL_SECONDS:
            await asyncio.sleep(POLL_SECONDS)
            if (position := await archive.position()) > reached:
                reached, moved_at = position, loop.time()
        return logged

    async def _copy_state(self, connection: Connection, before: Manifest | None, stamp: str) -> CopiedState:
        """Copy the small tables, and list the files, from one state of the database."""
        copier = TableCopier(connection, self._folder, before, self._verify)
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await connection.execute("SET LOCAL enable_seqscan = on")
            position = await ArchiveReader(connection).position()
            tables = {name: await copier.copy(name, f"{name}-{stamp}.copy") for name in COPIED_TABLES}
            files = await _texts(connection, FILES)
            master_keys = {*await _texts(connection, MASTER_KEYS), *tables["keys"].master_keys}
        return CopiedState(
            position=position, tables=tables, files=sorted(files), master_keys=tuple(sorted(master_keys))
        )

    async def _new_segments(
        self, connection: Connection, kept: list[Segment], position: int
    ) -> AsyncIterator[Segment]:
        """Write the commits after the kept segments. Raises `DamagedLog` if log and archive differ."""
        comparison = LogComparison(self._log, ArchiveReader(connection))
        after = kept[-1].last if kept else 0
        while after < position:
            last = min(after + SEGMENT_COMMITS, position)
            with self._folder.writer(f"{LOG}/{after + 1:012d}-{last:012d}.commits") as file:
                for start in range(after, last, CHUNK_COMMITS):
                    until = min(start + CHUNK_COMMITS, last)
                    check_damages(await comparison.range(start, until))
                    logged = await self._log.stored(start, until)
                    for number in range(start + 1, until + 1):
                        file.write(record(logged[number]))
            written = file.written(last - after)
            yield Segment(
                path=written.path,
                size_bytes=written.size_bytes,
                sha256=written.sha256,
                rows=written.rows,
                first=after + 1,
                last=last,
            )
            after = last

    async def _copy_files(
        self, connection: Connection, keys: list[str], before: Manifest | None
    ) -> CopiedFiles:
        """Copy the files that the backup lacks. What the store has lost stays in the backup."""
        known = {file.path: file for file in before.artifacts} if before is not None else {}
        copied = CopiedFiles()
        for key in keys:
            name = f"{ARTIFACTS}/{key}"
            file = known.get(name)
            if file is not None and self._folder.has(file) and not await self._is_damaged(file):
                copied.files.append(file)
                continue
            earlier = None
            if file is None:
                earlier = await asyncio.to_thread(self._folder.copied_before, name, digest_in(key))
            if earlier is not None:
                copied.files.append(earlier)
                copied.new += 1
                continue
            try:
                copied.files.append(await self._copy_file(key, name))
                copied.new += 1
            except (ArtifactMissing, ArtifactDamaged) as error:
                cursor = await connection.execute(sql.SQL(LISTED).format(sql.SQL(FILES)), [key])
                row = await cursor.fetchone()
                if row is None or not row[0]:
                    raise FilesChanged(
                        f"{key} was deleted while it was copied; make the backup again"
                    ) from error
                copied.lost.append(f"{key}: {error}")
        return copied

    async def _is_damaged(self, file: BackupFile) -> bool:
        """Return whether the file in the folder is not as it was copied. Without `verify` it is not read."""
        return self._verify and bool(await asyncio.to_thread(self._folder.failure_of, file))

    async def _copy_file(self, key: str, name: str) -> BackupFile:
        """Copy a file. The store compares it with the hash in its key."""
        with self._folder.writer(name) as file:
            async for chunk in self._artifacts.read(key):
                file.write(chunk)
        return file.written()


async def _texts(connection: Connection, query: LiteralString) -> list[str]:
    cursor = await connection.execute(query)
    return [str(value) for (value,) in await cursor.fetchall()]
