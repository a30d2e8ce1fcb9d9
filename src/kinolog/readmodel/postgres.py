"""The Postgres adapter of the read model port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from psycopg_pool import AsyncConnectionPool

from kinolog.job.values import Status
from kinolog.merkle.erasure_certificate import SignedCertificate
from kinolog.merkle.hash_tiles import HashTileId
from kinolog.merkle.signed_head import SignedHead
from kinolog.ports.archive import ArchivedCommit
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.ports.read_model import (
    ActivityRow,
    JobCounts,
    JobFilter,
    JobQuery,
    JobRow,
    JobRowPage,
    Overview,
    PriorityEnds,
    QueueDepth,
    ReadModelUnavailable,
    StageTime,
    TimeRange,
    Trends,
)
from kinolog.ports.search.event_search import (
    CommandCount,
    EventSearch,
    FoundCommits,
    SpellsAt,
    TimedPositions,
)
from kinolog.ports.tree.commit_tree import HeadPlace
from kinolog.ports.tree.verification_progress import VerificationProgress
from kinolog.ports.use.tenant_use import AllUse, TenantUse
from kinolog.readmodel import commit_tree
from kinolog.readmodel.commit_index import commit_search, spells_at
from kinolog.readmodel.database import reader_connection, reader_pool
from kinolog.readmodel.queries import charts, feeds, job_list, queue_depth, shared_artifacts, summaries
from kinolog.readmodel.queries.position_watch import PositionWatch
from kinolog.readmodel.queries.statements import Snapshot
from kinolog.readmodel.queries.use import tenant_use as tenant_uses
from kinolog.readmodel.reads.read_history import PostgresReadHistory
from kinolog.readmodel.roles import READER
from kinolog.readmodel.verification.progress import stored_progress
from kinolog.readmodel.webhook_history import PostgresWebhookHistory

P = ParamSpec("P")
T = TypeVar("T")

MAX_READS = 5
"""Maximum number of tries of a read that swaps of the projection interrupt."""


class PostgresReadModel:
    """Reads the tables that the projector writes. Every answer comes from one state of the database.

    Its connections have the role of a reader, and each transaction names the tenant whose rows it sees.
    """

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._watch = PositionWatch(self.position)

    @classmethod
    async def connect(
        cls, database_url: str, pool_size: int = 8, application: str = "kinolog"
    ) -> PostgresReadModel:
        """Return a read model on its own pool, which connects on first use. Close it after use."""
        pool = reader_pool(database_url, pool_size, application, READER)
        await pool.open()
        return cls(pool)

    async def _read(
        self,
        tenant: str,
        read: Callable[Concatenate[Snapshot, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return what `read` returns in a transaction that no swap interrupts. Raises `ReadModelUnavailable`.

        The transaction has the rows of the tenant alone, none if it is empty.
        """
        return await self._try(partial(Snapshot, tenant=tenant), read, *args, **kwargs)

    async def _read_as_operator(
        self, read: Callable[Concatenate[Snapshot, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like `_read`, of the tables that only operators read."""
        return await self._try(partial(Snapshot, as_operator=True), read, *args, **kwargs)

    async def _try(
        self,
        begin: Callable[[Any], Snapshot],
        read: Callable[Concatenate[Snapshot, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        for _ in range(MAX_READS):
            async with reader_connection(self._pool) as connection:
                snapshot = begin(connection)
                answer = await read(snapshot, *args, **kwargs)
                one_projection = await snapshot.end()
            if one_projection:
                return answer
        raise ReadModelUnavailable("the read models were swapped during each of several reads; try again")

    async def list_jobs(self, tenant: str, query: JobQuery) -> JobRowPage:
        return await self._read(tenant, job_list.list_jobs, tenant, query)

    async def summarize(self, tenant: str, job_filter: JobFilter) -> JobCounts:
        return await self._read(tenant, summaries.summarize, tenant, job_filter)

    async def select_ids(self, tenant: str, job_filter: JobFilter, limit: int = 1_000) -> list[str]:
        return await self._read(tenant, summaries.select_ids, tenant, job_filter, limit)

    async def queue_positions(self, tenant: str, job_ids: Sequence[str], now: datetime) -> dict[str, int]:
        return await self._read(tenant, feeds.queue_positions, tenant, job_ids, now)

    async def overview(self, tenant: str, span: TimeRange) -> Overview:
        return await self._read(tenant, summaries.overview, tenant, span)

    async def success_rates(self, tenant: str, span: TimeRange) -> tuple[PriorityEnds, ...]:
        return await self._read(tenant, charts.success_rates, tenant, span)

    async def stage_times(self, tenant: str, span: TimeRange) -> tuple[StageTime, ...]:
        return await self._read(tenant, charts.stage_times, tenant, span)

    async def queue_depth(self, tenant: str, span: TimeRange, bucket_seconds: int = 0) -> QueueDepth:
        return await self._read(tenant, queue_depth.queue_depth, tenant, span, bucket_seconds)

    async def trends(self, tenant: str, span: TimeRange, bucket_seconds: int = 0) -> Trends:
        return await self._read(tenant, charts.trends, tenant, span, bucket_seconds)

    async def list_activity(
        self, tenant: str, before_position: int | None = None, limit: int = 20
    ) -> tuple[ActivityRow, ...]:
        return await self._read(tenant, feeds.list_activity, tenant, before_position, limit)

    async def list_log_entries(
        self,
        tenant: str,
        job_id: str,
        limit: int = 20,
        after_sequence: int = 0,
        min_level: LogLevel = LogLevel.DEBUG,
    ) -> tuple[LogLine, ...]:
        return await self._read(
            tenant, feeds.list_log_entries, tenant, job_id, limit, after_sequence, min_level
        )

    async def archived_commits(self, job_id: str) -> Sequence[ArchivedCommit]:
        return await self._read_as_operator(feeds.archived_commits, job_id)

    async def search_events(self, tenant: str, search: EventSearch) -> FoundCommits:
        addresses, reached = await self._read(tenant, commit_search.found_positions, tenant, search)
        positions = list(addresses)
        page = positions[: search.limit]
        found = await self._read_as_operator(commit_search.archived_at, page, search) if page else []
        last = found[-1].position if found else 0
        return FoundCommits(
            commits=tuple(found),
            with_address=frozenset(one.position for one in found if addresses[one.position]),
            next_position=last if last and last != positions[-1] else 0,
            position=reached,
        )

    async def count_commands(self, tenant: str, search: EventSearch) -> tuple[CommandCount, ...]:
        return await self._read(tenant, commit_search.counted_commands, tenant, search)

    async def positions_between(self, since: datetime | None, until: datetime | None) -> TimedPositions:
        return await self._read("", commit_search.positions_between, since, until)

    async def position_at(self, tenant: str, time: datetime) -> int:
        return await self._read(tenant, spells_at.position_at, time)

    async def spells_at(self, tenant: str, position: int, status: Status, limit: int) -> SpellsAt:
        return await self._read(tenant, spells_at.spells_at, position, status, limit)

    async def last_tree_head(self) -> SignedHead | None:
        return await self._read_as_operator(commit_tree.last_tree_head)

    async def tree_heads(self, after: int, limit: int) -> list[SignedHead]:
        return await self._read_as_operator(commit_tree.tree_heads_after, after, limit)

    async def tree_head_of_size(self, size: int) -> SignedHead | None:
        return await self._read_as_operator(commit_tree.tree_head_of_size, size)

    async def head_places(self) -> list[HeadPlace]:
        return await self._read_as_operator(commit_tree.head_places)

    async def hash_tiles(self, tiles: Collection[HashTileId]) -> dict[HashTileId, bytes]:
        return await self._read_as_operator(commit_tree.hash_tiles, tiles)

    async def read_tree_tiles(self, tiles: Collection[HashTileId]) -> dict[HashTileId, bytes]:
        return await self._read_as_operator(commit_tree.hash_tiles, tiles, of_reads=True)

    async def erasure_certificates(
        self, tenant: str, *, after: int = 0, limit: int = 100, erasure_id: str = "", job_id: str = ""
    ) -> list[SignedCertificate]:
        return await self._read(
            tenant, commit_tree.certificates_after, tenant, after, limit, erasure_id, job_id
        )

    async def verification_progress(self) -> VerificationProgress | None:
        return await self._read_as_operator(stored_progress)

    async def job_row(self, tenant: str, job_id: str) -> JobRow | None:
        return await self._read(tenant, feeds.job_row, tenant, job_id)

    async def archived_tails(self, job_ids: Sequence[str]) -> dict[str, int]:
        async with reader_connection(self._pool) as connection:
            return await feeds.archived_tails(Snapshot(connection, as_operator=True), job_ids)

    async def artifacts_in_use(self, keys: Sequence[str], excluding: str) -> set[str]:
        return await self._read_as_operator(shared_artifacts.artifacts_in_use, keys, excluding)

    async def all_use(self, since: datetime) -> AllUse:
        return await self._read_as_operator(tenant_uses.all_use, since)

    async def tenants(self) -> list[str]:
        return await self._read_as_operator(tenant_uses.tenants)

    async def database_time(self) -> datetime:
        return await self._read_as_operator(tenant_uses.database_time)

    async def tenant_use(self, tenant: str, since: datetime) -> TenantUse:
        return await self._read(tenant, tenant_uses.tenant_use, tenant, since)

    async def artifact_bytes(self, tenant: str) -> int:
        return await self._read_as_operator(tenant_uses.artifact_bytes, tenant)

    async def log_bytes(self, tenant: str) -> int:
        return await self._read(tenant, tenant_uses.log_bytes, tenant)

    async def position(self) -> int:
        return await self._read("", job_list.position)

    async def wait_for(self, position: int, timeout_seconds: float = 5.0) -> int:
        return await self._watch.wait(position, timeout_seconds)

    def webhook_history(self) -> PostgresWebhookHistory:
        """Return the history of webhooks, on the same pool."""
        return PostgresWebhookHistory(self._pool)

    def read_history(self) -> PostgresReadHistory:
        """Return the record of reads, on the same pool."""
        return PostgresReadHistory(self._pool)

    async def close(self) -> None:
        await self._watch.close()
        await self._pool.close()
