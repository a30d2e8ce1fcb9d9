"""Counts all jobs of a projection with one statement, after a bulk load that did not count.

The cells are those of kinolog.readmodel.counter_cells, in SQL. Tests compare rebuilt projections with live ones.
"""

from __future__ import annotations

from psycopg import sql

from kinolog.ports.read_model import SortField
from kinolog.readmodel.counter_cells import (
    ALL,
    DURATIONS,
    LEVEL_BITS,
    LEVELS,
    NUMBER_BITS,
    SECOND_BITS,
)
from kinolog.readmodel.database import Connection
from kinolog.readmodel.priority_order import ALL_PRIORITIES

_TIE = f"number >> {NUMBER_BITS}"
_FINEST = {
    SortField.CREATED_AT: ("0", f"floor(extract(epoch FROM created_at))::bigint >> {SECOND_BITS}"),
    SortField.UPDATED_AT: ("0", f"floor(extract(epoch FROM updated_at))::bigint >> {SECOND_BITS}"),
    SortField.PROGRESS: (
        "CASE WHEN percent <= 0 THEN 0 WHEN percent >= 100 THEN 2 ELSE 1 END",
        f"CASE WHEN percent > 0 AND percent < 100 THEN floor(percent)::bigint ELSE {_TIE} END",
    ),
    SortField.DURATION: (
        "CASE WHEN duration_us < 0 THEN 0 ELSE 1 END",
        f"CASE WHEN duration_us < 0 THEN {_TIE} ELSE width_bucket(duration_us, %(edges_us)s::bigint[]) END",
    ),
    SortField.PRIORITY: ("urgency", _TIE),
}
"""`Cell.major` and `Cell.number` of a job in each order."""

_FINEST_COUNTS = """
SELECT tenant, '{sort}'::text AS sort, ({major})::int AS major, ({cell})::bigint AS cell, status, urgency, model, style,
    count(*) AS jobs
FROM {jobs} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
_INSERT_COUNTERS = """
INSERT INTO {counters} (tenant, sort, level, urgency, major, cell, status, model, style, jobs)
WITH finest AS MATERIALIZED ({counts})
SELECT tenant, sort, level, urgency, major, cell >> (level * {bits}), status, model, style, sum(jobs)
FROM finest, generate_series(0, {levels} - 1) AS level GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
UNION ALL
SELECT tenant, sort, level, {every}, major, cell >> (level * {bits}), status, '', '', sum(jobs)
FROM finest, generate_series(0, {levels} - 1) AS level GROUP BY 1, 2, 3, 5, 6, 7
UNION ALL
SELECT tenant, sort, {all}, urgency, 0, 0, status, model, style, sum(jobs)
FROM finest WHERE sort = '{whole}' GROUP BY 1, 2, 4, 7, 8, 9
UNION ALL
SELECT tenant, sort, {all}, {every}, 0, 0, status, '', '', sum(jobs)
FROM finest WHERE sort = '{whole}' GROUP BY 1, 2, 7
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
BULK_SETTINGS = ("enable_seqscan = on", "work_mem = '256MB'", "max_parallel_workers_per_gather = 2")


async def recount(connection: Connection, schema: str) -> None:
    """Fill the empty table `counters` from `jobs`."""
    jobs = sql.Identifier(schema, "jobs")
    counts = [
        sql.SQL(_FINEST_COUNTS).format(
            sort=sql.SQL(field.value), major=sql.SQL(major), cell=sql.SQL(cell), jobs=jobs
        )
        for field, (major, cell) in _FINEST.items()
    ]
    statement = sql.SQL(_INSERT_COUNTERS).format(
        counters=sql.Identifier(schema, "counters"),
        counts=sql.SQL(" UNION ALL ").join(counts),
        bits=sql.Literal(LEVEL_BITS),
        levels=sql.Literal(LEVELS),
        all=sql.Literal(ALL),
        every=sql.Literal(ALL_PRIORITIES),
        whole=sql.SQL(SortField.CREATED_AT.value),
    )
    async with connection.transaction():
        for setting in BULK_SETTINGS:
            await connection.execute(sql.SQL("SET LOCAL {}").format(sql.SQL(setting)))
        await connection.execute(statement, {"edges_us": list(DURATIONS.edges_us)})
