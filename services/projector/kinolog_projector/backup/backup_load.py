"""Loads a backup into empty streams and an empty database. Files are put in their place by whoever owns the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from kinolog.backup.folder import BackupFolder
from kinolog.backup.manifest import Manifest
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.privacy.master_keys import MasterKeys, MasterKeyUnusable
from kinolog.readmodel.database import Connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA, key_archive
from kinolog.readmodel.tables import PARTITION_POSITIONS
from kinolog_projector.restore.key_restore import restore_keys
from kinolog_projector.schema.position_partitions import PositionPartitions
from kinolog_projector.webhooks.planner import STALE

COPIES = {
    "keys": sql.SQL("COPY kinolog.key_archive (key_id, wrapped, position) FROM STDIN (FORMAT BINARY)"),
    "log_lines": sql.SQL(
        "COPY kinolog.log_lines (sequence, job_id, attempt, at, severity, message, note) FROM STDIN (FORMAT BINARY)"
    ),
    "access": sql.SQL("COPY kinolog.access_archive (position, key_id, raw) FROM STDIN (FORMAT BINARY)"),
    "webhook_deliveries": sql.SQL(
        "COPY kinolog.webhook_deliveries (delivery_id, webhook_id, tenant, lane, message_id, event, job_id, body,"
        " status, redelivery, created_at, attempts, next_at) FROM STDIN (FORMAT BINARY)"
    ),
    "webhook_tries": sql.SQL(
        "COPY kinolog.webhook_tries (delivery_id, tenant, number, at, status_code, milliseconds, response_bytes, error)"
        " FROM STDIN (FORMAT BINARY)"
    ),
    "webhooks_off": sql.SQL(
        "COPY kinolog.webhooks_off (webhook_id, tenant, position, at, reason) FROM STDIN (FORMAT BINARY)"
    ),
}
"""What fills a table. A backup of an earlier version has no file of some."""

END_OLD = """
UPDATE kinolog.webhook_deliveries SET status = 'failed', next_at = NULL
WHERE next_at IS NOT NULL AND created_at < now() - %s
"""
"""What an old backup still had to send is no news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBackup:
    """How much a backup has brought back."""

    position: int
    keys: int


def check_master_keys(manifest: Manifest, master_keys: MasterKeys) -> None:
    """Raise `MasterKeyUnusable` unless this process has the master keys that wrap the keys of the backup."""
    if missing := manifest.missing_master_keys(master_keys.ids):
        raise MasterKeyUnusable(
            f"the keys of the backup are wrapped under master key {', '.join(missing)}, which is not configured: name "
            "the place of its copy with KINOLOG_MASTER_KEY_FILE"
        )


async def rows_of(folder: BackupFolder, manifest: Manifest) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
    """Yield position and raw message of each commit, as a restore of the log takes them."""
    for commits in folder.commits(manifest.segments):
        yield [(commit.position, commit.raw) for commit in commits]


async def load_tables(
    connection: Connection,
    folder: BackupFolder,
    manifest: Manifest,
    store: EventStore,
    stored_keys: KeyStore,
    unwrap: Callable[[str, bytes], bytes],
) -> LoadedBackup:
    """Fill the permanent tables and the key store. Raises `LogUnavailable`, `DamagedLog`."""
    await fill_tables(connection, folder, manifest)
    keys = await restore_keys(connection, store, stored_keys, unwrap)
    return LoadedBackup(position=manifest.position, keys=keys)


async def fill_tables(connection: Connection, folder: BackupFolder, manifest: Manifest) -> None:
    """Fill the permanent tables that a backup has."""
    async with connection.transaction():
        partitions = PositionPartitions(PERMANENT_SCHEMA, key_archive.name)
        await partitions.create_missing(connection, range(0, manifest.position + 1, PARTITION_POSITIONS))
        for name, statement in COPIES.items():
            if name in manifest.tables:
                await _copy(connection, folder.path / manifest.tables[name].path, statement)
        await connection.execute(END_OLD, [STALE])


async def _copy(connection: Connection, path: Path, statement: sql.SQL) -> None:
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                await copy.write(chunk)
