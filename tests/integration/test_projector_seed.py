"""Databases of generated jobs, on which lists are measured."""

from __future__ import annotations

from typing import Any

from kinolog.ports.read_model import JobFilter, JobQuery, SortField, SortOrder
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.readmodel.postgres import PostgresReadModel
from tests.bench.database_copies import grow
from tests.bench.seed import PACE, seed

INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'projection' ORDER BY indexname"
COUNTED = """
SELECT sort, level, urgency < 0 AS all_kinds, sum(jobs)::int FROM projection.counters GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


async def test_copies_are_jobs_like_the_generated_ones(migrated_database_url: str) -> None:
    """Lists show, count and find copies; copies are later than the jobs before; no index is missing."""
    generated, rounds = 30, 20
    await seed(migrated_database_url, generated)
    async with await writer_connection(migrated_database_url, "test") as connection:
        indexes, counted = await _all(connection, INDEXES), await _all(connection, COUNTED)
        await grow(migrated_database_url, generated, (PACE * generated).total_seconds(), rounds)
        assert await _all(connection, INDEXES) == indexes
        whole = await _all(connection, COUNTED)
        assert whole == [(*kind, jobs * (rounds + 1)) for *kind, jobs in counted]
    model = await PostgresReadModel.connect(migrated_database_url, 1)
    page = await model.list_jobs("default", JobQuery(order=SortOrder(descending=False), page_size=1_000))
    copy = page.rows[-1]
    found = await model.list_jobs("default", JobQuery(filter=JobFilter(text=copy.id), page_size=2))
    deep = await model.list_jobs(
        "default", JobQuery(order=SortOrder(SortField.DURATION), page_size=5, offset=generated * rounds)
    )
    await model.close()
    assert len({row.id for row in page.rows}) == page.total == page.position == generated * (rounds + 1)
    assert [row.position for row in page.rows] == sorted(row.position for row in page.rows)
    assert [row.id for row in found.rows] == [copy.id]
    assert len(deep.rows) == 5


async def _all(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(query.encode())
    return await cursor.fetchall()
