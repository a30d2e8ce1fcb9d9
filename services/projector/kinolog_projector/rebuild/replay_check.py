"""Compares the live projection with a replay of the log, row by row, while the projector runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from psycopg import sql
from sqlalchemy import Table

from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.readmodel.tables import PROJECTION_SCHEMA, projection, prompt_trigrams, prompts
from kinolog_projector.projection.writer import LOCK_LOG
from kinolog_projector.rebuild.rebuild import lock_rebuild
from kinolog_projector.rebuild.replay import LogReplay
from kinolog_projector.rebuild.table_hashes import compared_columns, compared_rows, hashes_of
from kinolog_projector.schema.projection_schema import drop_projection
from kinolog_projector.schema.revision import check_schema

CHECK_SCHEMA = "projection_check"
MAX_EXAMPLES = 5

ROWS_NOT_IN = """
SELECT {key}::text[] FROM (
    SELECT {columns} FROM {table} {where} EXCEPT SELECT {columns} FROM {other} {where}
) AS differing
"""

READABLE_IN_LIVE_ONLY = sql.SQL(
    "SELECT jobs.id, jobs.number FROM {live}.jobs JOIN {live}.prompts ON prompts.number = jobs.number"
    " JOIN {check}.prompts AS replayed ON replayed.number = jobs.number"
    " WHERE NOT jobs.erased AND prompts.prompt IS NOT NULL AND replayed.prompt IS NULL"
).format(live=sql.Identifier(PROJECTION_SCHEMA), check=sql.Identifier(CHECK_SCHEMA))


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDifference:
    """How a table differs from the replay: rows that are missing, that should not be there, and that were changed."""

    table: str
    missing: int
    surplus: int
    changed: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        counts = {"missing": self.missing, "too many": self.surplus, "changed": self.changed}
        found = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return f"{self.table}: {found} ({'; '.join(self.examples)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedProjection:
    """The result: the position that was compared, the number of tables, and those that differ."""

    position: int
    tables: int
    differences: list[TableDifference] = field(default_factory=list)


class ReplayCheck:
    """One comparison. It holds the projector up for the few commits that arrived last, not for the comparison."""

    def __init__(
        self, database_url: str, store: EventStore, keys: ArchivableKeyStore, batch_size: int = 5_000
    ) -> None:
        self._database_url = database_url
        self._store = store
        self._keys = keys
        self._batch_size = batch_size

    async def run(self) -> CheckedProjection:
        """Replay and compare. Raises `RebuildRunning`, `WrongSchema`, `DamagedLog`."""
        async with (
            await writer_connection(self._database_url, "kinolog-check") as connection,
            await writer_connection(self._database_url, "kinolog-check-snapshot") as snapshot,
        ):
            await check_schema(connection)
            await lock_rebuild(connection)
            replay = LogReplay(connection, self._store, self._keys, CHECK_SCHEMA, self._batch_size)
            try:
                await replay.begin()
                await replay.load()
                await replay.approach()
                async with snapshot.transaction():
                    await self._take_snapshot(replay, snapshot)
                    differences = await _differences(snapshot, await self._erased_since(snapshot))
                return CheckedProjection(
                    position=replay.position,
                    tables=len(projection.sorted_tables),
                    differences=differences,
                )
            finally:
                await drop_projection(connection, CHECK_SCHEMA)

    async def _erased_since(self, snapshot: Connection) -> set[tuple[str, ...]]:
        """Return the numbers of jobs that were erased after the last commit that both hold.

        Their key was deleted before the replay read it, and the live tables do not have the erasure yet.
        """
        cursor = await snapshot.execute(READABLE_IN_LIVE_ONLY)
        numbers: set[tuple[str, ...]] = set()
        for job_id, number in await cursor.fetchall():
            loaded = await self._store.load(job_id)
            if loaded is not None and loaded.job.erased:
                numbers.add((str(number),))
        return numbers

    async def _take_snapshot(self, replay: LogReplay, snapshot: Connection) -> None:
        """Apply the last commits while nothing is written, and fix the state that `snapshot` reads."""
        lock = await writer_connection(self._database_url, "kinolog-check-lock")
        async with lock, lock.transaction():
            await lock.execute(LOCK_LOG)
            await replay.catch_up(await replay.target())
            await snapshot.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await snapshot.execute("SET LOCAL enable_seqscan = on")
            await snapshot.execute("SELECT 1 FROM kinolog.log_checkpoint")


async def _differences(snapshot: Connection, erased: set[tuple[str, ...]]) -> list[TableDifference]:
    live = await hashes_of(snapshot, PROJECTION_SCHEMA)
    replayed = await hashes_of(snapshot, CHECK_SCHEMA)
    found = [
        await _difference(snapshot, table, erased if table in (prompts, prompt_trigrams) else set())
        for table in projection.sorted_tables
        if table.name != "checkpoint" and live.get(table.name) != replayed.get(table.name)
    ]
    return [difference for difference in found if difference is not None]


async def _difference(
    snapshot: Connection, table: Table, excepted: set[tuple[str, ...]]
) -> TableDifference | None:
    """Return how a table differs; None if only rows with the keys in `excepted` do."""
    expected = await _keys_of(snapshot, table, CHECK_SCHEMA, PROJECTION_SCHEMA)
    found = await _keys_of(snapshot, table, PROJECTION_SCHEMA, CHECK_SCHEMA)
    if excepted and expected | found <= excepted:
        return None
    expected, found = expected - excepted, found - excepted
    missing, surplus, changed = expected - found, found - expected, expected & found
    names = [column.name for column in table.primary_key]
    examples = [
        *(f"missing {_row(names, key)}" for key in sorted(missing)),
        *(f"too many {_row(names, key)}" for key in sorted(surplus)),
        *(f"changed {_row(names, key)}" for key in sorted(changed)),
    ]
    return TableDifference(
        table=table.name,
        missing=len(missing),
        surplus=len(surplus),
        changed=len(changed),
        examples=tuple(examples[:MAX_EXAMPLES]),
    )


def _row(names: Sequence[str], key: tuple[str, ...]) -> str:
    return " ".join(f"{name}={value}" for name, value in zip(names, key, strict=True))


async def _keys_of(snapshot: Connection, table: Table, schema: str, other: str) -> set[tuple[str, ...]]:
    """Return the keys of the rows in one schema that the other does not have in the same form."""
    key = sql.SQL("ARRAY[{}]").format(
        sql.SQL(", ").join(
            sql.SQL("{}::text").format(sql.Identifier(column.name)) for column in table.primary_key
        )
    )
    query = sql.SQL(ROWS_NOT_IN).format(
        key=key,
        columns=compared_columns(table),
        table=sql.Identifier(schema, table.name),
        other=sql.Identifier(other, table.name),
        where=compared_rows(table),
    )
    cursor = await snapshot.execute(query)
    return {tuple(map(str, values)) for (values,) in await cursor.fetchall()}
