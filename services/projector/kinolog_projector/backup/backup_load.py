"""Loads a backup into empty streams and an empty database. Files are put in their place by whoever owns the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kinolog.backup.folder import BackupFolder
from kinolog.backup.manifest import Manifest
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.privacy.master_keys import MasterKeys, MasterKeyUnusable
from kinolog.readmodel.database import Connection
from kinolog.readmodel.permanent_tables import PERMANENT_SCHEMA, key_archive
from kinolog.readmodel.tables import PARTITION_POSITIONS
from kinolog_projector.backup.copied_tables import COPIED_TABLES, CopiedTable
from kinolog_projector.restore.key_restore import restore_keys
from kinolog_projector.schema.position_partitions import PositionPartitions
from kinolog_projector.webhooks.planner import STALE

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
        for name, table in COPIED_TABLES.items():
            if name in manifest.tables:
                await _copy(connection, folder.path / manifest.tables[name].path, table)
        await connection.execute(END_OLD, [STALE])


async def _copy(connection: Connection, path: Path, table: CopiedTable) -> None:
    async with connection.cursor() as cursor, cursor.copy(table.filling) as copy:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                await copy.write(chunk)
