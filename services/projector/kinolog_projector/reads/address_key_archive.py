"""Archives the keys of readers' addresses, so that a key store that was lost gets them back, and backups have them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kinolog.ports.keys import ArchivableKeyStore
from kinolog.readmodel.database import Connection
from kinolog.reads.address_keys import current_address_keys, ended_address_keys
from kinolog_projector.projection.key_archive import ArchivedKey
from kinolog_projector.projection.projection_tables import ProjectionTables
from kinolog_projector.projection.writer import BatchWriter

KEY_POSITION = 0
"""In the place of the position of a job: these keys are of none."""


class AddressKeyArchive:
    """Adds the key of each month, and deletes those of months that have ended."""

    def __init__(self, keys: ArchivableKeyStore) -> None:
        self._keys = keys
        self._archived = set[str]()

    async def begin(self, writer: BatchWriter, now: datetime, days: int) -> None:
        """Archive the keys of all months that are kept, also in the form that another master key gave them."""
        self._archived.clear()
        await self.archive(writer, current_address_keys(now, days))

    async def archive(self, writer: BatchWriter, key_ids: Iterable[str]) -> None:
        """Archive keys that are not archived yet, as far as they are stored. Raises `LogUnavailable`."""
        wanted = sorted(set(key_ids) - self._archived - {""})
        wrapped = await self._keys.get_wrapped(wanted) if wanted else {}
        if not wrapped:
            return
        rows = [ArchivedKey(key_id, key, KEY_POSITION) for key_id, key in wrapped.items()]

        async def store(connection: Connection, _: ProjectionTables) -> None:
            await writer.key_archive.store(connection, rows)

        await writer.run_exclusively(store)
        self._archived |= wrapped.keys()

    async def delete_ended(self, writer: BatchWriter, now: datetime, days: int) -> None:
        """Delete the keys of months whose reads are all too old to be kept. The api deletes them from the key store."""

        async def delete(connection: Connection, _: ProjectionTables) -> None:
            await writer.key_archive.delete(connection, ended_address_keys(now, days))

        await writer.run_exclusively(delete)
