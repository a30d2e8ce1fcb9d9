"""The end of a restore: read models and archive follow the log to its end, and everything is compared."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass

from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.ports.raw_log import RawLog
from kinolog.readmodel.database import writer_connection
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.whole_comparison import compare_all
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.batch_reader import BatchReader
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.rebuild.rebuild import Rebuild
from kinolog_projector.schema.projection_schema import projection_problem


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledLog:
    """What was proved: how many commits are the same in log and archive, and their hash."""

    commits: int
    hash: str
    rebuilt: bool


async def settle(
    database_url: str,
    store: EventStore,
    keys: ArchivableKeyStore,
    log: RawLog,
    batch_size: int = 5_000,
    *,
    force_rebuild: bool = False,
) -> SettledLog:
    """Rebuild the read models if they must be, archive the rest of the log, and compare every commit.

    Raises `DamagedLog` if log and archive are not equal and whole at the end.
    """
    async with await writer_connection(database_url, "kinolog-restore") as connection:
        rebuilt = force_rebuild or bool(await projection_problem(connection))
        if rebuilt:
            await Rebuild(database_url, store, keys, batch_size).run()
        writer = BatchWriter(connection)
        position, _ = await writer.position()
        last = await store.last_position()
        reader = BatchReader(BatchPreparer(store, keys), batch_size)
        async with aclosing(reader.batches(position, store.read(position, last))) as batches:
            async for batch in batches:
                await writer.apply(batch)
        compared = await compare_all(log, ArchiveReader(connection))
    if not (
        compared.log_is_whole and compared.archive_is_whole and compared.archived == compared.extent.last
    ):
        named = "; ".join(map(str, compared.examples[:3]))
        raise DamagedLog(f"log and archive still differ after the restore: {named}")
    return SettledLog(commits=compared.archived, hash=compared.hash, rebuilt=rebuilt)
