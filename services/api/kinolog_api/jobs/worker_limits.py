"""Which new jobs are refused: those that no present worker can render, that the log has lost, that start never."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from kinolog.models.catalogue import Catalogue
from kinolog.models.codecs import SOFTWARE_CODECS, VideoCodec
from kinolog.models.memory.planner import gib
from kinolog.models.renderers import EMBEDDED
from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.ports.workers import WorkerRegistry, WorkerReport
from kinolog_api.choices.start_time import StartTimeCheck
from kinolog_api.jobs.archive_check import ArchiveCheck
from kinolog_api.jobs.job_plan import JobPlan
from kinolog_api.jobs.sealed_submit import PlannedSubmit
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument

KNOWN_SECONDS = 5.0
"""How long reports of workers are used again. Before a job is refused, they are read."""


class CodecCheck:
    """Refuses jobs whose codec no present worker can encode. Jobs of H.264, which all workers have, cost no request."""

    def __init__(self, workers: WorkerRegistry, store: EventStore) -> None:
        self._workers = workers
        self._store = store

    async def check_new_jobs(self, plans: Mapping[str, JobPlan]) -> dict[str, RpcError]:
        """Return the error of each refused job by its id. A job that is in the log already is not refused.

        Raises `LogUnavailable` if the registry of workers does not answer.
        """
        named = {job_id: plan for job_id, plan in plans.items() if plan.codec != VideoCodec.H264}
        if not named:
            return {}
        workers = await self._workers.present_workers()
        refused = {}
        for job_id, plan in named.items():
            codecs = known_codecs(workers, plan.model)
            if codecs is None or plan.codec in codecs or await self._store.load(job_id) is not None:
                continue
            description = (
                f"no worker of {plan.model} can encode {plan.codec} now; they have {', '.join(codecs)}"
            )
            refused[job_id] = invalid_argument([RequestViolation("codec", description)], "CODEC_UNAVAILABLE")
        return refused


def known_codecs(workers: Sequence[WorkerReport], model: str) -> tuple[VideoCodec, ...] | None:
    """Return the codecs of the workers that serve a model; None if none has said which it can encode."""
    reported = {codec for report in workers if model in report.models for codec in report.codecs}
    return tuple(codec for codec in VideoCodec if codec in reported) or None


def offered_codecs(workers: Sequence[WorkerReport], model: str) -> tuple[VideoCodec, ...]:
    """Return the codecs that jobs of a model can have: those of its workers, or else those that need no GPU."""
    return known_codecs(workers, model) or SOFTWARE_CODECS


class MemoryCheck:
    """Refuses jobs with a scene that no present worker can hold. Without a report about its model none is refused."""

    def __init__(
        self,
        workers: WorkerRegistry,
        store: EventStore,
        catalogue: Catalogue,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers = workers
        self._store = store
        self._catalogue = catalogue
        self._now = now
        self._reports: Sequence[WorkerReport] = ()
        self._known_until = 0.0

    async def check_new_jobs(self, items: Sequence[PlannedSubmit]) -> Mapping[str, RpcError]:
        """Return the error of each refused job by its id. A job that is in the log already is not refused."""
        measured = [item for item in items if self._is_measured(item.plan.model)]
        if not measured:
            return {}
        if self._now() >= self._known_until:
            await self._read()
        if not any(self._violation(item) for item in measured):
            return {}
        await self._read()
        return {
            item.job_id: invalid_argument([violation], "MEMORY_TOO_SMALL")
            for item in measured
            if (violation := self._violation(item)) and await self._store.load(item.job_id) is None
        }

    def _is_measured(self, model: str) -> bool:
        entry = self._catalogue.get(model)
        return entry is not None and entry.source != EMBEDDED and entry.family is not None

    async def _read(self) -> None:
        """Read the reports of workers. Without an answer nothing is known."""
        try:
            self._reports = await self._workers.present_workers()
        except LogUnavailable:
            self._reports = ()
        self._known_until = self._now() + KNOWN_SECONDS

    def _violation(self, item: PlannedSubmit) -> RequestViolation | None:
        plan = item.plan
        serving = [report for report in self._reports if plan.model in report.models]
        pixels = self._pixels(item)
        if not serving or not all(report.lacks_memory(plan.model, pixels) for report in serving):
            return None
        largest = max(serving, key=lambda report: report.memory_total_bytes)
        needed = largest.memory_needs[plan.model].of(pixels)
        problem = (
            f"{plan.model} needs at least {gib(needed)} of GPU memory for this, and the largest of its workers has "
            f"{gib(largest.memory_total_bytes)}: ask for a smaller or a shorter video"
        )
        return RequestViolation("width", problem)

    def _pixels(self, item: PlannedSubmit) -> int:
        """Return the pixels in all frames of the longest scene, as the model draws it."""
        plan, entry = item.plan, self._catalogue.get(item.plan.model)
        lengths = [scene.frames for scene in item.scenes] or [plan.frames]
        if entry is None:
            return plan.width * plan.height * max(lengths)
        frames = entry.longest_drawn_scene(lengths, chained=plan.chained)
        return entry.drawn_pixels(plan.width, plan.height, frames)


class NewJobChecks:
    """The checks of jobs that are about to be stored, one after the other."""

    def __init__(
        self, archive: ArchiveCheck, memory: MemoryCheck, codecs: CodecCheck, start_times: StartTimeCheck
    ) -> None:
        self._archive = archive
        self._memory = memory
        self._codecs = codecs
        self._start_times = start_times

    async def refused(self, items: Sequence[PlannedSubmit]) -> dict[str, Exception]:
        """Return the errors of the jobs that are refused, by id."""
        plans = {item.job_id: item.plan for item in items}
        refused: dict[str, Exception] = dict(
            await self._archive.check_new_jobs({item.job_id: item.request_id for item in items})
        )
        refused |= await self._start_times.check_new_jobs(plans)
        refused |= await self._memory.check_new_jobs(items)
        return refused | await self._codecs.check_new_jobs(plans)

    async def check(self, item: PlannedSubmit) -> None:
        """Raise the error of a job that is refused."""
        for error in (await self.refused([item])).values():
            raise error
