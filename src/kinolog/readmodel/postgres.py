"""The Postgres adapter of the read model port."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from psycopg_pool import AsyncConnectionPool
from sqlalchemy import BigInteger, bindparam, func, select

from kinolog.job.values import Status
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.ports.read_model import (
    Activity,
    ArchivedCommit,
    JobFilter,
    JobPage,
    JobQuery,
    Overview,
    QueueDepth,
    StageTime,
    SuccessRate,
    Summary,
    TimeRange,
    Trends,
)
from kinolog.readmodel import analytics, counting, feeds, sharing
from kinolog.readmodel.asking import Question
from kinolog.readmodel.conditions import Shape, job_conditions, shape_of, values_of
from kinolog.readmodel.database import reading, reading_pool
from kinolog.readmodel.listing import POSITION, Listing
from kinolog.readmodel.tables import jobs
from kinolog.readmodel.waiting import PositionWatch


@lru_cache(maxsize=256)
def _counted(shape: Shape) -> Question:
    """Numbers of jobs by status, counted one by one: for texts."""
    statement = select(jobs.c.status, func.count()).where(*job_conditions(shape))
    return Question(statement.group_by(jobs.c.status))


@lru_cache(maxsize=256)
def _selected(shape: Shape) -> Question:
    """Ids, oldest first."""
    statement = select(jobs.c.id).where(*job_conditions(shape))
    return Question(
        statement.order_by(jobs.c.created_at, jobs.c.number).limit(bindparam("limit", type_=BigInteger()))
    )


class PostgresReadModel:
    """Answers from the tables that the projector keeps. Every answer is read in one transaction."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._watch = PositionWatch(self.position)

    @classmethod
    async def connect(
        cls, database_url: str, pool_size: int = 8, application: str = "kinolog"
    ) -> PostgresReadModel:
        """A read model on a pool of its own. Connects when first asked; close it after use."""
        pool = reading_pool(database_url, pool_size, application)
        await pool.open()
        return cls(pool)

    async def list_jobs(self, tenant: str, query: JobQuery) -> JobPage:
        async with reading(self._pool) as connection:
            return await Listing(connection, tenant, query).page()

    async def summarize(self, tenant: str, job_filter: JobFilter) -> Summary:
        async with reading(self._pool) as connection:
            position = int(await POSITION.scalar(connection) or 0)
            if job_filter.text:
                question = _counted(shape_of(job_filter))
                rows = await question.rows(connection, values_of(tenant, job_filter))
                counts = {status: int(total) for status, total in rows}
            else:
                counts = await counting.count(connection, tenant, job_filter)
            return Summary({status: counts.get(status.value, 0) for status in Status}, position)

    async def select_ids(self, tenant: str, job_filter: JobFilter, limit: int = 1_000) -> list[str]:
        values = values_of(tenant, job_filter) | {"limit": limit}
        async with reading(self._pool) as connection:
            return [row[0] for row in await _selected(shape_of(job_filter)).rows(connection, values)]

    async def queue_position(self, job_id: str) -> int | None:
        async with reading(self._pool) as connection:
            return await feeds.queue_position(connection, job_id)

    async def overview(self, tenant: str, span: TimeRange) -> Overview:
        async with reading(self._pool) as connection:
            now = await counting.count(connection, tenant, JobFilter())
            return await analytics.overview(connection, tenant, span, now)

    async def success_rates(self, tenant: str, span: TimeRange) -> tuple[SuccessRate, ...]:
        async with reading(self._pool) as connection:
            return await analytics.success_rates(connection, tenant, span)

    async def stage_times(self, tenant: str, span: TimeRange) -> tuple[StageTime, ...]:
        async with reading(self._pool) as connection:
            return await analytics.stage_times(connection, tenant, span)

    async def queue_depth(self, tenant: str, span: TimeRange, bucket_seconds: int = 0) -> QueueDepth:
        async with reading(self._pool) as connection:
            return await analytics.queue_depth(connection, tenant, span, bucket_seconds)

    async def trends(self, tenant: str, span: TimeRange, bucket_seconds: int = 0) -> Trends:
        async with reading(self._pool) as connection:
            return await analytics.trends(connection, tenant, span, bucket_seconds)

    async def list_activity(
        self, tenant: str, before_position: int | None = None, limit: int = 20
    ) -> tuple[Activity, ...]:
        async with reading(self._pool) as connection:
            return await feeds.list_activity(connection, tenant, before_position, limit)

    async def list_log_entries(
        self,
        job_id: str,
        limit: int = 20,
        after_sequence: int = 0,
        min_level: LogLevel = LogLevel.DEBUG,
    ) -> tuple[LogLine, ...]:
        async with reading(self._pool) as connection:
            return await feeds.list_log_entries(connection, job_id, limit, after_sequence, min_level)

    async def archived_commits(self, job_id: str) -> Sequence[ArchivedCommit]:
        async with reading(self._pool) as connection:
            return await feeds.archived_commits(connection, job_id)

    async def artifacts_in_use(self, keys: Sequence[str], besides: str) -> set[str]:
        async with reading(self._pool) as connection:
            return await sharing.artifacts_in_use(connection, keys, besides)

    async def position(self) -> int:
        async with reading(self._pool) as connection:
            return int(await POSITION.scalar(connection) or 0)

    async def wait_for(self, position: int, timeout_seconds: float = 5.0) -> int:
        return await self._watch.wait(position, timeout_seconds)

    async def close(self) -> None:
        await self._watch.close()
        await self._pool.close()
