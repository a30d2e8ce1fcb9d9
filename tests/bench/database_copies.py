"""Grows a database of generated jobs by copying them in the database, for sizes that take minutes to generate.

A copy has its own id, number and times; each round of copies is later than the previous one. Jobs, their parts and the
activity are copied, and the counters counted again. Charts stay those of the generated jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from kinolog_projector.rebuild.recount import recount
from kinolog_projector.schema.position_partitions import PositionPartitions
from kinolog_projector.schema.projection_schema import analyze, create_indexes
from psycopg import sql
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import TIMESTAMP

from kinolog.readmodel import tables
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.readmodel.tables import PARTITION_POSITIONS, PROJECTION_SCHEMA
from kinolog.readmodel.trigrams import LENGTH

MAX_ROUNDS = 999

_ID = "substr({0}, 1, 22) || '0' || round.digits"
"""Ids consist of a to z and 2 to 7: no generated job has a 0."""
_LETTERS = [f"ascii(substr({{0}}, {place}, 1))::bigint" for place in (21, 22)]
_LETTERS += [
    "ascii('0')::bigint",
    *(f"ascii(substr(round.digits, {place}, 1))::bigint" for place in (1, 2, 3)),
]
_TRIGRAMS = ", ".join(
    f"((({a} * 1000003) # {b}) * 1000003 # {c} & 2147483647)::int"
    for a, b, c in zip(_LETTERS, _LETTERS[1:], _LETTERS[LENGTH - 1 :], strict=False)
)
_ID_OF_NUMBER = "(SELECT job_id FROM projection.prompts AS p WHERE p.number = prompt_trigrams.number)"
_VALUES = {
    "id": _ID,
    "job_id": _ID,
    "number": "{0} + round.nth * round.many",
    "position": "{0} + round.nth * round.many",
    "grams": "{0} || ARRAY[" + _TRIGRAMS.format(_ID_OF_NUMBER) + "]",
}
JOBS: Sequence[Table] = (tables.jobs,)
PARTS: Sequence[Table] = (
    tables.prompt_trigrams,  # before the prompts, whose key finds the ids
    tables.prompts,
    tables.stages,
    tables.attempts,
    tables.artifacts,
    tables.activity,
)
LISTED_PARTS = PARTS[:2]
"""What lists read beside the jobs: their prompts."""
COPY = """
INSERT INTO {name} ({columns}) SELECT {values} FROM {name},
    (SELECT nth, lpad(nth::text, 3, '0') AS digits, %(jobs)s::int AS many, nth * %(seconds)s * interval '1 s' AS later
    FROM generate_series(1, %(rounds)s::int) AS nth) AS round
WHERE {generated}
"""
GENERATED = "{name}.ctid <= %(end)s::tid AND substr({id}, 23, 1) <> '0'"
GENERATED_BY_NUMBER = "number <= %(jobs)s"
"""Copies fill pages after those of the generated jobs, and the free space of these."""


async def grow(
    database_url: str, generated: int, round_seconds: float, rounds: int, parts: Sequence[Table] = PARTS
) -> None:
    """Copy `generated` jobs and these parts `rounds` times, each round `round_seconds` later than the one before."""
    if not 0 < rounds <= MAX_ROUNDS:
        raise ValueError(f"1 to {MAX_ROUNDS} rounds of copies, not {rounds}")
    async with (
        await writer_connection(database_url, "kinolog-seed") as one,
        await writer_connection(database_url, "kinolog-seed") as other,
    ):
        for connection in (one, other):
            await connection.execute("SET maintenance_work_mem = '256MB'")
        await one.execute("UPDATE projection.checkpoint SET position = 0")  # until the copies are complete
        await one.execute("TRUNCATE projection.counters")
        copies = _Copies(generated, round_seconds, rounds)
        await asyncio.gather(copies.make(one, JOBS), copies.make(other, parts))
        await asyncio.gather(_count_and_index(one), _index(other, parts))
        for name in ("projection.checkpoint", "kinolog.log_checkpoint"):
            statement = sql.SQL("UPDATE {} SET position = %s").format(sql.Identifier(*name.split(".")))
            await one.execute(statement, [generated * (rounds + 1)])
        await analyze(one, PROJECTION_SCHEMA)


async def _count_and_index(connection: Connection) -> None:
    await recount(connection, PROJECTION_SCHEMA)
    await _index(connection, JOBS)


async def _index(connection: Connection, copied: Sequence[Table]) -> None:
    for table in copied:
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.primary_key)
        await connection.execute(
            sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(_named(table), columns)
        )
    await create_indexes(connection, PROJECTION_SCHEMA, [table.name for table in copied])


@dataclass(frozen=True, slots=True)
class _Copies:
    """Copies the jobs of a database. Keys and indexes are dropped before and built again afterwards."""

    generated: int
    round_seconds: float
    rounds: int

    async def make(self, connection: Connection, copied: Sequence[Table]) -> None:
        """Copy the rows of these tables."""
        for table in copied:
            name = _named(table)
            for index in table.indexes:
                index_name = sql.Identifier(PROJECTION_SCHEMA, str(index.name))
                await connection.execute(sql.SQL("DROP INDEX {}").format(index_name))
            key = sql.Identifier(f"{table.name}_pkey")
            await connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(name, key))
            if table is tables.prompts:
                numbers = range(0, self.generated * (self.rounds + 1) + 1, PARTITION_POSITIONS // 2)
                await PositionPartitions(PROJECTION_SCHEMA, table.name).create_missing(connection, numbers)
            cursor = await connection.execute(sql.SQL("SELECT max(ctid)::text FROM {}").format(name))
            (end,) = await cursor.fetchone() or (None,)
            columns = [column.name for column in table.columns]
            generated = sql.SQL(GENERATED_BY_NUMBER if "number" in table.c else GENERATED)
            copy = sql.SQL(COPY).format(
                name=name,
                generated=generated.format(name=name, id=sql.SQL("job_id")),
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                values=sql.SQL(", ").join(sql.SQL(_value(table, column)) for column in columns),
            )
            values = {
                "rounds": self.rounds,
                "seconds": self.round_seconds,
                "jobs": self.generated,
                "end": end,
            }
            await connection.execute(copy, values)


def _named(table: Table) -> sql.Identifier:
    return sql.Identifier(PROJECTION_SCHEMA, table.name)


def _value(table: Table, column: str) -> str:
    """Return the SQL of the value of a column in a copy."""
    if isinstance(table.c[column].type, TIMESTAMP):
        return f'"{column}" + round.later'
    return _VALUES.get(column, "{0}").format(f'"{column}"')
