"""An in-memory read model for tests of the api. It folds the log on each query."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Sequence

from kinolog.job.commit import RecordedCommit
from kinolog.job.state import Job
from kinolog.job.values import Priority, Status
from kinolog.ports import read_model as rm
from kinolog.ports.progress import LogLevel, LogLine
from kinolog.privacy.sealed_fields import unseal_job
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.keys import MemoryKeyStore


class ReadModelInMemory:
    """Reads a memory log. `held_at` stops it at a position; `unavailable` makes it unavailable."""

    def __init__(self, store: MemoryEventStore, keys: MemoryKeyStore) -> None:
        self._store = store
        self._keys = keys
        self.held_at: int | None = None
        self.unavailable = False
        self.lines: list[LogLine] = []
        self.spans: list[rm.TimeRange] = []

    async def list_jobs(self, tenant: str, query: rm.JobQuery) -> rm.JobRowPage:
        jobs = await self._matching(tenant, query.filter)
        jobs.sort(key=lambda pair: _sort_key(pair[0], query.order.field), reverse=query.order.descending)
        start = query.offset
        if query.cursor:
            try:
                start = int(b64decode(query.cursor, validate=True))
            except ValueError as error:
                raise rm.InvalidCursor("no cursor") from error
        page = jobs[start : start + query.page_size]
        more = start + query.page_size < len(jobs)
        cursor = b64encode(str(start + query.page_size).encode()).decode() if more else ""
        rows = tuple([await self._row(job, position) for job, position in page])
        return rm.JobRowPage(rows=rows, next_cursor=cursor, total=len(jobs), position=await self.position())

    async def summarize(self, tenant: str, job_filter: rm.JobFilter) -> rm.JobCounts:
        counted = Counter(job.status for job, _ in await self._matching(tenant, job_filter))
        return rm.JobCounts({status: counted[status] for status in Status}, await self.position())

    async def select_ids(self, tenant: str, job_filter: rm.JobFilter, limit: int = 1_000) -> list[str]:
        jobs = sorted(await self._matching(tenant, job_filter), key=lambda pair: pair[0].created_at)
        return [job.id for job, _ in jobs[:limit]]

    async def queue_position(self, job_id: str) -> int | None:
        waiting = [job.id for job, _ in (await self._jobs()).values() if job.status is Status.QUEUED]
        return waiting.index(job_id) if job_id in waiting else None

    async def overview(self, tenant: str, span: rm.TimeRange) -> rm.Overview:
        self.spans.append(span)
        counts = (await self.summarize(tenant, rm.JobFilter())).counts
        ended = counts[Status.COMPLETED] + counts[Status.FAILED]
        return rm.Overview(
            submitted=sum(counts.values()),
            completed=counts[Status.COMPLETED],
            failed=counts[Status.FAILED],
            cancelled=counts[Status.CANCELLED],
            queued_now=counts[Status.QUEUED],
            processing_now=counts[Status.PROCESSING],
            success_rate=counts[Status.COMPLETED] / ended if ended else None,
            mean_seconds=None,
            p50_seconds=None,
            p95_seconds=None,
            mean_wait_seconds=None,
            video_seconds=0.0,
            gpu_seconds=0.0,
        )

    async def success_rates(self, tenant: str, span: rm.TimeRange) -> tuple[rm.SuccessRate, ...]:
        self.spans.append(span)
        return tuple(
            rm.SuccessRate(priority=priority, completed=0, failed=0, cancelled=0, rate=None)
            for priority in Priority
        )

    async def stage_times(self, tenant: str, span: rm.TimeRange) -> tuple[rm.StageTime, ...]:
        self.spans.append(span)
        return ()

    async def queue_depth(self, tenant: str, span: rm.TimeRange, bucket_seconds: int = 0) -> rm.QueueDepth:
        self.spans.append(span)
        return rm.QueueDepth(
            (rm.DepthPoint(at=span.start, queued=1, processing=2, peak_queued=4, peak_processing=3),),
            bucket_seconds or 60,
        )

    async def trends(self, tenant: str, span: rm.TimeRange, bucket_seconds: int = 0) -> rm.Trends:
        self.spans.append(span)
        return rm.Trends(
            (rm.TrendPoint(at=span.start, submitted=4, completed=3, failed=2, cancelled=1),),
            bucket_seconds or 60,
        )

    async def list_activity(
        self, tenant: str, before_position: int | None = None, limit: int = 20
    ) -> tuple[rm.ActivityRow, ...]:
        entries = [
            rm.ActivityRow(
                position=r.position,
                index=index,
                job_id=r.commit.job_id,
                event=type(event).__name__,
                actor=r.commit.command.actor,
                at=event.at,
            )
            for r in reversed(await self._seen())
            if r.commit.state.tenant == tenant and (before_position is None or r.position < before_position)
            for index, event in enumerate(r.commit.events)
        ]
        return tuple(entries[:limit])

    async def list_log_entries(
        self,
        job_id: str,
        limit: int = 20,
        after_sequence: int = 0,
        min_level: LogLevel = LogLevel.DEBUG,
    ) -> tuple[LogLine, ...]:
        levels = list(LogLevel)
        lines = [
            line
            for line in self.lines
            if line.job_id == job_id
            and line.sequence > after_sequence
            and levels.index(line.level) >= levels.index(min_level)
        ]
        return tuple(lines[:limit] if after_sequence else lines[-limit:])

    async def archived_commits(self, job_id: str) -> Sequence[rm.ArchivedCommit]:
        return [
            rm.ArchivedCommit(position=r.position, job_id=job_id, raw=r.raw, digest=r.digest)
            for r in await self._seen()
            if r.commit.job_id == job_id
        ]

    async def artifacts_in_use(self, keys: Sequence[str], excluding: str) -> set[str]:
        used = {
            artifact.key
            for job, _ in (await self._jobs()).values()
            if job.id != excluding
            for artifact in (*job.artifacts, *(scene.artifact for scene in job.scenes if scene.artifact))
        }
        return used & set(keys)

    async def position(self) -> int:
        if self.unavailable:
            raise rm.ReadModelUnavailable("unavailable")
        return await self._store.last_position() if self.held_at is None else self.held_at

    async def wait_for(self, position: int, timeout_seconds: float = 5.0) -> int:
        reached = await self.position()
        if reached < position:
            raise rm.PositionNotReached(position, reached)
        return reached

    async def close(self) -> None:
        """Do nothing: there are no resources."""

    async def _seen(self) -> list[RecordedCommit]:
        reached = await self.position()
        return [r async for batch in self._store.read(0, reached) for r in batch]

    async def _jobs(self) -> dict[str, tuple[Job, int]]:
        return {r.commit.job_id: (r.commit.state, r.position) for r in await self._seen()}

    async def _matching(self, tenant: str, job_filter: rm.JobFilter) -> list[tuple[Job, int]]:
        found = []
        for job, position in (await self._jobs()).values():
            prompt = unseal_job(job, await self._keys.get(job.sealing_key_id)).prompt.lower()
            if (
                job.tenant == tenant
                and (not job_filter.statuses or job.status in job_filter.statuses)
                and (not job_filter.priorities or job.priority in job_filter.priorities)
                and (not job_filter.models or job.spec.model in job_filter.models)
                and (not job_filter.styles or job.spec.style in job_filter.styles)
                and (job_filter.created_from is None or job.created_at >= job_filter.created_from)
                and (job_filter.created_before is None or job.created_at < job_filter.created_before)
                and (job_filter.text.lower() in prompt or job_filter.text in job.id)
            ):
                found.append((job, position))
        return found

    async def _row(self, job: Job, position: int) -> rm.JobRow:
        unsealed = unseal_job(job, await self._keys.get(job.sealing_key_id))
        spec = job.spec
        return rm.JobRow(
            id=job.id,
            tenant=job.tenant,
            actor=job.actor,
            request_id=job.request_id,
            status=job.status,
            priority=job.priority,
            prompt=unsealed.prompt,
            negative_prompt=unsealed.negative_prompt,
            model=spec.model,
            model_class=spec.model_class,
            width=spec.width,
            height=spec.height,
            frames=spec.frames,
            fps=spec.fps,
            steps=spec.steps,
            guidance=spec.guidance,
            seed=spec.seed,
            style=spec.style,
            attempt=job.attempt,
            worker=job.worker,
            stage=None,
            percent=0.0,
            eta_seconds=None,
            scenes=len(job.scenes),
            scenes_rendered=0,
            artifacts=job.artifacts,
            media=job.media,
            error=job.error,
            cancel_requested=job.cancel_requested,
            erased=job.erased,
            created_at=job.created_at,
            updated_at=job.updated_at,
            queued_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            not_before=job.not_before,
            gpu_seconds=job.gpu_seconds,
            version=job.version,
            position=position,
        )


def _sort_key(job: Job, field: rm.SortField) -> tuple[object, str]:
    match field:
        case rm.SortField.UPDATED_AT:
            return job.updated_at, job.id
        case rm.SortField.PRIORITY:
            return -job.priority.rank, job.id
        case _:
            return job.created_at, job.id
