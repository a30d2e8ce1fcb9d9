"""A projection of the whole log in a schema of its own, beside the live one.

The bulk is loaded without indexes and without counters; then one statement counts all jobs.
"""

from __future__ import annotations

import logging
from contextlib import aclosing

from kinolog.ports.event_store import RESTORE, DamagedLog, EventStore
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.process.logs import fields
from kinolog.readmodel.database import Connection
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.batch_reader import BatchReader
from kinolog_projector.projection.projection_tables import ProjectionTables
from kinolog_projector.rebuild.recount import recount
from kinolog_projector.schema.projection_schema import create_projection, drop_projection

logger = logging.getLogger(__name__)

LAST_COMMITS = 500
"""At most this many commits are left to apply while the live projector waits."""


class LogReplay:
    """Folds the log into the tables of a schema. `position` is that of the last commit in them."""

    def __init__(
        self,
        connection: Connection,
        store: EventStore,
        keys: ArchivableKeyStore,
        schema: str,
        batch_size: int = 5_000,
    ) -> None:
        self.projection = ProjectionTables(schema)
        self.position = 0
        self._connection = connection
        self._store = store
        self._preparer = BatchPreparer(store, keys)
        self._schema = schema
        self._batch_size = batch_size

    async def begin(self) -> None:
        """Create the schema with empty tables, in the place of what an interrupted replay left."""
        async with self._connection.transaction():
            await drop_projection(self._connection, self._schema)
            await create_projection(self._connection, self._schema, with_indexes=False)

    async def load(self) -> None:
        """Load the bulk: all commits that are archived now. Raises `DamagedLog`."""
        await self.catch_up(await self.target(), counting=False)
        await recount(self._connection, self._schema)

    async def approach(self) -> None:
        """Follow the live projection until few commits are left. Raises `DamagedLog`."""
        while (target := await self.target()) - self.position > LAST_COMMITS:
            await self.catch_up(target)

    async def target(self) -> int:
        """Return the last archived position, which is that of the live projection too."""
        cursor = await self._connection.execute("SELECT position FROM kinolog.log_checkpoint")
        row = await cursor.fetchone()
        return int(row[0]) if row is not None else 0

    async def catch_up(self, target: int, *, counting: bool = True) -> None:
        """Apply the commits up to `target`. Raises `DamagedLog` if the log ends before it."""
        if self.position >= target:
            return
        reader = BatchReader(self._preparer, self._batch_size)
        commits = self._store.read(self.position, target)
        async with aclosing(reader.batches(self.position, commits)) as batches:
            async for batch in batches:
                async with self._connection.transaction():
                    await self.projection.move_checkpoint(self._connection, self.position, batch.last)
                    projected = await self.projection.project(self._connection, batch, counting=counting)
                    await self.projection.write(self._connection, projected)
                self.position = batch.last
                logger.info("replaying the log", extra=fields("replay", position=batch.last, target=target))
        if self.position < target:
            raise DamagedLog(f"the log ends at {self.position}, the archive at {target}. {RESTORE}")
