"""The read model in memory, for tests. It computes each answer from the whole log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime

from kinolog.job import events as e
from kinolog.job.commit import RecordedCommit
from kinolog.job.interruption import INTERRUPTED
from kinolog.job.names import stored_name
from kinolog.job.state import Job, ListedFields
from kinolog.job.values import Priority, Spec, Status
from kinolog.ports import read_model as rm
from kinolog.ports.archive import ArchivedCommit
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.ports.use.tenant_use import AllUse, TenantUse
from kinolog.privacy.sealed_fields import unseal_job
from kinolog.readmodel.priority_order import priority_order
from kinolog.readmodel.queries.cursors import CursorPosition, read_cursor, write_cursor
from kinolog.scheduling.lane_choice import WEIGHTS, LaneChoice
from tests.adapters.memory import chart_figures as figures
from tests.adapters.memory import tenant_use as tenant_uses
from tests.adapters.memory.event_search import MemoryEventSearch
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.keys import MemoryKeyStore
from tests.adapters.memory.stored_job import StoredJob


class MemoryReadModel(MemoryEventSearch):
    """Reads a memory log. `held_at` stops it at a position; `unavailable` makes it unavailable."""

    def __init__(self, store: MemoryEventStore, keys: MemoryKeyStore) -> None:
        super().__init__()
        self._store = store
        self._keys = keys
        self._read: list[RecordedCommit] = []
        self._stored: dict[str, StoredJob] = {}
        self.held_at: int | None = None
        self.unavailable = False
        self.time = datetime.max.replace(tzinfo=UTC)
        """By the clock of the database: no clock of an api is fast."""
        self.lines: list[LogLine] = []
        self.spans: list[rm.TimeRange] = []
        """Spans of the queries for charts, oldest first."""

    async def list_jobs(self, tenant: str, query: rm.JobQuery) -> rm.JobRowPage:
        order = query.order
        jobs = await self._matching(tenant, query.filter)
        jobs.sort(key=lambda one: (_sort_value(one.job, order.field), one.number), reverse=order.descending)
        total = None if query.filter.text or query.filter.startable_at is not None else len(jobs)
        if query.cursor:
            after = read_cursor(tenant, query.filter, order, query.cursor)
            numbers = [one.number for one in jobs]
            jobs = jobs[numbers.index(after.number) + 1 :]
        jobs = jobs[query.offset :]
        cursor = ""
        if len(jobs) > query.page_size:
            last = jobs[query.page_size - 1]
            place = CursorPosition(_sort_value(last.job, order.field), last.number)
            cursor = write_cursor(tenant, query.filter, order, place)
        rows = tuple(map(_row, jobs[: query.page_size]))
        return rm.JobRowPage(rows=rows, next_cursor=cursor, total=total, position=await self.position())

    async def summarize(self, tenant: str, job_filter: rm.JobFilter) -> rm.JobCounts:
        counts = Counter(one.job.status for one in await self._matching(tenant, job_filter))
        return rm.JobCounts(
            counts={status: counts[status] for status in Status}, position=await self.position()
        )

    async def select_ids(self, tenant: str, job_filter: rm.JobFilter, limit: int = 1_000) -> list[str]:
        jobs = await self._matching(tenant, job_filter)
        jobs.sort(key=lambda one: (one.job.created_at, one.number))
        return [one.job.id for one in jobs[:limit]]

    async def queue_positions(self, tenant: str, job_ids: Sequence[str], now: datetime) -> dict[str, int]:
        queued = [
            one
            for one in await self._jobs()
            if one.job.status is Status.QUEUED
            and one.job.paused_at is None
            and one.job.tenant == tenant
            and one.queued_at <= now
        ]
        positions: dict[str, int] = {}
        for model_class in {one.job.spec.model_class for one in queued}:
            lanes: dict[str, list[StoredJob]] = {priority.value: [] for priority in Priority}
            for one in sorted(queued, key=lambda one: (one.queued_at, one.number)):
                if one.job.spec.model_class == model_class:
                    lanes[one.job.priority.value].append(one)
            order = _served(lanes)
            positions |= {one.job.id: position for position, one in enumerate(order)}
        return {job_id: positions[job_id] for job_id in job_ids if job_id in positions}

    async def overview(self, tenant: str, span: rm.TimeRange) -> rm.Overview:
        now = (await self.summarize(tenant, rm.JobFilter())).counts
        return figures.overview(await self._history(tenant, span), span, now)

    async def success_rates(self, tenant: str, span: rm.TimeRange) -> tuple[rm.PriorityEnds, ...]:
        return figures.success_rates(await self._history(tenant, span), span)

    async def stage_times(self, tenant: str, span: rm.TimeRange) -> tuple[rm.StageTime, ...]:
        return figures.stage_times(await self._history(tenant, span), span)

    async def queue_depth(self, tenant: str, span: rm.TimeRange, bucket_seconds: int = 0) -> rm.QueueDepth:
        return figures.queue_depth(await self._history(tenant, span), span, bucket_seconds)

    async def trends(self, tenant: str, span: rm.TimeRange, bucket_seconds: int = 0) -> rm.Trends:
        return figures.trends(await self._history(tenant, span), span, bucket_seconds)

    async def list_activity(
        self, tenant: str, before_position: int | None = None, limit: int = 20
    ) -> tuple[rm.ActivityRow, ...]:
        page: list[rm.ActivityRow] = []
        for recorded in reversed(await self._commits(tenant)):
            if before_position is None or recorded.position < before_position:
                entries = _activity(recorded)
                if page and len(page) + len(entries) > limit:
                    break
                page += entries
        return tuple(page[:limit])

    async def list_log_entries(
        self,
        tenant: str,
        job_id: str,
        limit: int = 20,
        after_sequence: int = 0,
        min_level: LogLevel = LogLevel.DEBUG,
    ) -> tuple[LogLine, ...]:
        if await self.job_row(tenant, job_id) is None:
            return ()
        levels = list(LogLevel)
        lines = [
            line
            for line in self.lines
            if line.job_id == job_id
            and line.sequence > after_sequence
            and levels.index(line.level) >= levels.index(min_level)
        ]
        lines.sort(key=lambda line: line.sequence)
        return tuple(lines[:limit] if after_sequence else lines[-limit:])

    async def archived_commits(self, job_id: str) -> Sequence[ArchivedCommit]:
        return [
            ArchivedCommit(
                position=recorded.position, job_id=job_id, raw=recorded.raw, digest=recorded.digest
            )
            for recorded in await self._commits()
            if recorded.commit.job_id == job_id
        ]

    async def job_row(self, tenant: str, job_id: str) -> rm.JobRow | None:
        jobs = (one for one in await self._jobs() if one.job.id == job_id and one.job.tenant == tenant)
        return next(map(_row, jobs), None)

    async def archived_tails(self, job_ids: Sequence[str]) -> dict[str, int]:
        if self.unavailable:
            raise rm.ReadModelUnavailable("the read model is unavailable")
        asked = set(job_ids)
        return {
            recorded.commit.job_id: recorded.position
            for recorded in await self._commits()
            if recorded.commit.job_id in asked
        }

    async def artifacts_in_use(self, keys: Sequence[str], excluding: str) -> set[str]:
        used = {
            artifact.key
            for one in await self._jobs()
            if one.job.id != excluding
            for artifact in (
                *one.job.artifacts,
                *(scene.artifact for scene in one.job.scenes if scene.artifact),
            )
        }
        return used & set(keys)

    async def all_use(self, since: datetime) -> AllUse:
        jobs = [one.job for one in await self._jobs()]
        return tenant_uses.all_use(jobs, await self._commits(), since, await self.position())

    async def tenants(self) -> list[str]:
        return tenant_uses.tenants(one.job for one in await self._jobs())

    async def database_time(self) -> datetime:
        return self.time

    async def tenant_use(self, tenant: str, since: datetime) -> TenantUse:
        jobs = [one.job for one in await self._jobs()]
        return tenant_uses.tenant_use(tenant, jobs, await self._commits(), since)

    async def artifact_bytes(self, tenant: str) -> int:
        return tenant_uses.artifact_bytes(tenant, [one.job for one in await self._jobs()])

    async def log_bytes(self, tenant: str) -> int:
        return tenant_uses.log_bytes(tenant, await self._commits())

    async def position(self) -> int:
        if self.unavailable:
            raise rm.ReadModelUnavailable("unavailable")
        return await self._store.last_position() if self.held_at is None else self.held_at

    async def wait_for(self, position: int, timeout_seconds: float = 5.0) -> int:
        if await self.position() < position and self.held_at is None:  # where it is held, a wait is in vain
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self._store.wait_for(position)
        reached = await self.position()
        if reached < position:
            raise rm.PositionNotReached(required=position, reached=reached)
        return reached

    async def close(self) -> None:
        """Do nothing: there are no resources."""

    async def _commits(self, tenant: str | None = None) -> list[RecordedCommit]:
        reached = await self.position()
        async for batch in self._store.read(len(self._read)):
            self._read += batch
        commits = self._read[:reached]
        return [one for one in commits if tenant is None or one.commit.state.tenant == tenant]

    async def _history(self, tenant: str, span: rm.TimeRange) -> list[RecordedCommit]:
        self.spans.append(span)
        return await self._commits(tenant)

    async def _jobs(self) -> list[StoredJob]:
        by_job: dict[str, list[RecordedCommit]] = {}
        for recorded in await self._commits():
            by_job.setdefault(recorded.commit.job_id, []).append(recorded)
        for job_id, commits in by_job.items():
            stored = self._stored.get(job_id)
            if stored is None or stored.position != commits[-1].position:
                self._stored[job_id] = await self._stored_job(commits)
        return [self._stored[job_id] for job_id in by_job]

    async def _stored_job(self, commits: list[RecordedCommit]) -> StoredJob:
        job = commits[-1].commit.state
        texts = unseal_job(job, await self._keys.get(job.sealing_key_id))
        events = [event for recorded in commits for event in recorded.commit.events]
        return StoredJob(
            job=job,
            number=commits[0].position,
            position=commits[-1].position,
            queued_at=_queued_at(events),
            prompt=texts.prompt,
            negative_prompt=texts.negative_prompt,
        )

    async def _matching(self, tenant: str, job_filter: rm.JobFilter) -> list[StoredJob]:
        return [one for one in await self._jobs() if one.job.tenant == tenant and one.matches(job_filter)]


def _served(lanes: dict[str, list[StoredJob]]) -> list[StoredJob]:
    """Return the jobs in the order in which one worker takes them, if no lane ages."""
    choice = LaneChoice({lane: WEIGHTS[lane] for lane in lanes})
    order: list[StoredJob] = []
    while any(lanes.values()):
        for lane in choice.order(0.0):
            if lanes[lane]:
                order.append(lanes[lane].pop(0))
                choice.record_served(lane, 0.0)
                break
            choice.record_empty(lane, 0.0)
    return order


def _sort_value(job: Job, field: rm.SortField) -> datetime | float:
    match field:
        case rm.SortField.CREATED_AT:
            return job.created_at
        case rm.SortField.UPDATED_AT:
            return job.updated_at
        case rm.SortField.PROGRESS:
            return job.last_percent
        case rm.SortField.DURATION:
            return -1.0 if job.run_seconds is None else job.run_seconds
        case rm.SortField.PRIORITY:
            return priority_order(job.priority)


def _activity(recorded: RecordedCommit) -> list[rm.ActivityRow]:
    commit = recorded.commit
    entries = [
        rm.ActivityRow(
            position=recorded.position,
            index=index,
            job_id=commit.job_id,
            event=stored_name(type(event)),
            actor=commit.command.actor,
            at=event.at,
        )
        for index, event in enumerate(commit.events)
        if isinstance(event, rm.ACTIVITY_EVENTS)
    ]
    return entries[::-1]


def _row(one: StoredJob) -> rm.JobRow:
    job = one.job
    spec_fields = {field.name for field in fields(Spec)} & {field.name for field in fields(rm.JobRow)}
    texts = {"prompt": one.prompt, "negative_prompt": one.negative_prompt}
    return rm.JobRow(
        **{field.name: getattr(job, field.name) for field in fields(ListedFields)},
        **({name: getattr(job.spec, name) for name in spec_fields} | texts),
        worker=job.worker,
        stage=job.stages[-1].stage if job.stages else None,
        scene=job.scene,
        percent=job.last_percent,
        eta_seconds=None,
        scene_count=len(job.scenes),
        scenes_rendered=len(job.scenes) - len(job.pending_scenes),
        run_seconds=job.run_seconds,
        queued_at=one.queued_at,
        position=one.position,
    )


def _queued_at(events: Sequence[e.Event]) -> datetime:
    """Return when a job was queued last. An attempt that was interrupted leaves it the age that it had."""
    times, keeps_place = list[datetime](), False
    for event in events:
        if isinstance(event, e.AttemptFailed | e.Retried):
            keeps_place = isinstance(event, e.AttemptFailed) and event.error.code in INTERRUPTED
        elif isinstance(event, e.Queued):
            if not keeps_place:
                times.append(max(event.at, event.not_before or event.at))
            keeps_place = False
    return times[-1]
