"""Copies the small permanent tables into a backup, together with rows of the backup before that the database lacks.

A database that was lost and filled again from the log lacks older log lines, and the keys that the key store had lost:
the backup may be the last copy of them. Keys of jobs that were erased since are left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256

from kinolog.backup.folder import CHUNK_BYTES, BackupFolder
from kinolog.backup.manifest import BackupFile, Manifest, UnusableBackup
from kinolog.process.logs import fields
from kinolog.readmodel.database import Connection
from kinolog_projector.backup.copied_rows import (
    HEADER,
    TRAILER,
    CopiedRow,
    CopiedRowParser,
    NoCopiedRows,
)
from kinolog_projector.backup.copied_tables import COPIED_TABLES, CopiedTable

logger = logging.getLogger(__name__)

LOST_KEYS = """
SELECT given.key_id FROM unnest(%s::text[], %s::bigint[]) AS given (key_id, position)
JOIN kinolog.archive ON archive.position = given.position
JOIN projection.jobs ON jobs.id = archive.job_id AND NOT jobs.erased
WHERE NOT EXISTS (
    SELECT FROM kinolog.key_archive AS archived
    WHERE archived.position = given.position AND archived.key_id = given.key_id
)
"""
"""Those of the keys, each with the position of the first commit of its job, that are missing and still needed."""

KEYS_PER_READ = 1_000
UNWRAPPED_BYTES = 32
MASTER_KEY_ID = slice(1, 9)
"""Where a wrapped key names its master key (kinolog.privacy.master_keys)."""


_ROWS = {"log_lines": "log line", "access": "fact about an API key", "tree_heads": "signed head of the tree"}
"""What a row of a table that only grows is called."""


class OtherRow(UnusableBackup):
    """The backup before holds another row with the same number."""

    def __init__(self, folder: BackupFolder, table: str, number: int) -> None:
        what = _ROWS[table]
        super().__init__(
            f"{folder.path} holds another {what} with the number {number} than the database: the backup is of "
            "another kinolog, or one of the two was changed. Nothing was changed. Name another folder, and keep this "
            f"one: it may be the last copy of its {what}s"
        )


class DamagedCopy(UnusableBackup):
    """The file of a table in the backup before was changed, and so nothing in it can be kept."""

    def __init__(self, folder: BackupFolder, file: BackupFile, problem: str) -> None:
        super().__init__(
            f"{folder.path / file.path} {problem}. It may hold what kinolog has lost, so it is not replaced. Nothing "
            "was changed. Copy the file from another copy of this folder, or run the backup with --verify: what "
            "kinolog holds now then takes its place"
        )


@dataclass(frozen=True, slots=True)
class TableCopy:
    """The file of a table, how many of its rows the database lacks, and the master keys of those."""

    file: BackupFile
    kept: int
    master_keys: set[str]


@dataclass(frozen=True, slots=True)
class TableCopier:
    """Copies tables over one connection, in the caller's transaction.

    With `replace_damaged` a damaged file of the backup before is left out, else it raises `DamagedCopy`.
    """

    connection: Connection
    folder: BackupFolder
    before: Manifest | None
    replace_damaged: bool = False

    async def copy(self, table: str, name: str) -> TableCopy:
        """Write the rows of a table into the file `name`. Raises `UnusableBackup`, `psycopg.Error`."""
        file = self.before.tables.get(table) if self.before is not None else None
        if COPIED_TABLES[table].changes or (
            file is not None and self.replace_damaged and await self._is_damaged(file)
        ):
            file = None
        keys = await self._lost_keys(file) if file is not None and table == "keys" else []
        older = _each(keys) if table == "keys" else self._rows_of(file)
        rows = kept = 0
        with self.folder.writer(name) as written:
            written.write(HEADER)
            async with aclosing(older), aclosing(self._merged(table, older)) as merged:
                async for row, is_kept in merged:
                    written.write(row.raw)
                    rows += 1
                    kept += is_kept
            written.write(TRAILER)
        return TableCopy(
            written.written(rows),
            kept,
            {wrapped[MASTER_KEY_ID].hex() for wrapped in _wrapped(keys) if len(wrapped) > UNWRAPPED_BYTES},
        )

    async def _is_damaged(self, file: BackupFile) -> bool:
        problem = await asyncio.to_thread(self.folder.failure_of, file)
        if problem:
            logger.warning("%s %s: it is written again", file.path, problem, extra=fields("table"))
        return bool(problem)

    async def _merged(
        self, table: str, older: AsyncIterator[CopiedRow]
    ) -> AsyncGenerator[tuple[CopiedRow, bool], None]:
        """Yield the rows of both in the order of their keys, each once, and whether the database lacks it."""
        old = await anext(older, None)
        async with aclosing(self._current(COPIED_TABLES[table])) as current:
            async for row in current:
                while old is not None and old.key < row.key:
                    yield old, True
                    old = await anext(older, None)
                if old is not None and old.key == row.key:
                    if old.raw != row.raw:
                        raise await self._contradiction(table, old)
                    old = await anext(older, None)
                yield row, False
        while old is not None:
            yield old, True
            old = await anext(older, None)

    async def _current(self, table: CopiedTable) -> AsyncGenerator[CopiedRow, None]:
        parser = CopiedRowParser()
        async with self.connection.cursor() as cursor, cursor.copy(table.reading) as copy:
            async for chunk in copy:
                for row in parser.rows(bytes(chunk)):
                    yield row
        parser.end()

    async def _contradiction(self, table: str, row: CopiedRow) -> UnusableBackup:
        """Return why a row of the backup differs from the same in the database: its file may be damaged."""
        file = self.before.tables[table] if self.before is not None else None
        if file is not None and (problem := await asyncio.to_thread(self.folder.failure_of, file)):
            return DamagedCopy(self.folder, file, problem)
        return OtherRow(self.folder, table, int.from_bytes(row.key, "big", signed=True))

    async def _lost_keys(self, file: BackupFile) -> list[CopiedRow]:
        """Return the keys of the backup before that the database lacks although their jobs are not erased."""
        lost: list[CopiedRow] = []
        rows: list[CopiedRow] = []
        async with aclosing(self._rows_of(file)) as older:
            async for row in older:
                rows.append(row)
                if len(rows) == KEYS_PER_READ:
                    lost += await self._lost_of(rows)
                    rows = []
        return [*lost, *await self._lost_of(rows)]

    async def _lost_of(self, rows: list[CopiedRow]) -> list[CopiedRow]:
        if not rows:
            return []
        by_key = {row.key.decode(): row for row in rows}
        positions = [int.from_bytes(row.columns()[2], "big", signed=True) for row in by_key.values()]
        cursor = await self.connection.execute(LOST_KEYS, [list(by_key), positions])
        missing = {str(key_id) for (key_id,) in await cursor.fetchall()}
        return [row for key_id, row in by_key.items() if key_id in missing]

    async def _rows_of(self, file: BackupFile | None) -> AsyncGenerator[CopiedRow, None]:
        """Yield the rows of a file of the backup before. Raises `DamagedCopy`, at its end also for a wrong hash."""
        if file is None:
            return
        parser, hashed, last = CopiedRowParser(), sha256(), b""
        try:
            with (self.folder.path / file.path).open("rb") as content:
                while chunk := await asyncio.to_thread(content.read, CHUNK_BYTES):
                    hashed.update(chunk)
                    for row in parser.rows(chunk):
                        if row.key < last:
                            raise NoCopiedRows("its rows are not in order")
                        last = row.key
                        yield row
            parser.end()
        except OSError as error:
            raise DamagedCopy(self.folder, file, f"cannot be read: {error.strerror or error}") from error
        except NoCopiedRows as error:
            raise DamagedCopy(self.folder, file, f"was changed: {error}") from error
        if hashed.hexdigest() != file.sha256:
            raise DamagedCopy(self.folder, file, "was changed: its hash is another one")


async def _each(rows: list[CopiedRow]) -> AsyncGenerator[CopiedRow, None]:
    for row in rows:
        yield row


def _wrapped(rows: list[CopiedRow]) -> list[bytes]:
    return [row.columns()[1] for row in rows]
