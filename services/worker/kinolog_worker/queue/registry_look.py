"""What a worker reads of others before it starts the job of a ticket."""

from __future__ import annotations

import asyncio

from kinolog.job.events import AttemptStarted
from kinolog.job.state import Job
from kinolog.job.values import Status
from kinolog.ports.event_store import LoadedJob
from kinolog.ports.tickets import HeldTicket
from kinolog.ports.workers import WorkerReport
from kinolog_worker.dependencies import WorkerDependencies
from kinolog_worker.queue.admission import WorkerSituation
from kinolog_worker.queue.warm_workers import largest_scene_pixels, other_workers

HOLDER_POLL_SECONDS = 0.5
"""Interval at which the reports of a ticket's holder are read."""


class RegistryLook:
    """Looks at the reports of the other workers. Its methods raise `LogUnavailable`."""

    def __init__(self, dependencies: WorkerDependencies) -> None:
        self._dependencies = dependencies

    async def situation(self, held: HeldTicket, loaded: LoadedJob | None) -> WorkerSituation:
        """Return what is known when a ticket is received."""
        dependencies = self._dependencies
        jobs_of_others: set[str] = set()
        if loaded is not None and loaded.job.status is Status.PROCESSING:
            others = await other_workers(dependencies)
            jobs_of_others = {job_id for report in others for job_id in report.job_ids}
        return WorkerSituation(
            worker=dependencies.worker,
            deliveries=held.deliveries,
            now=dependencies.clock(),
            jobs_of_others=jobs_of_others,
            unserved_models=set(dependencies.catalogue.names) - dependencies.served,
            codecs=dependencies.inference.codecs,
            lacks_memory=loaded is not None and await self._is_for_a_larger_device(loaded.job),
            late_copy=loaded is not None and await self._is_late_copy(held, loaded.job),
        )

    async def _is_late_copy(self, held: HeldTicket, job: Job) -> bool:
        """Return whether another worker started the job after the commit for which this ticket was issued.

        A ticket for a job whose worker is lost is issued for a later commit than the start of its attempt.
        """
        if not is_held_by_another(job, self._dependencies.worker) or held.deliveries > 1:
            return False
        started_at = 0
        async for recorded in self._dependencies.store.history(job.id):
            if any(isinstance(event, AttemptStarted) for event in recorded.commit.events):
                started_at = recorded.position
        return held.ticket.position < started_at

    async def _is_for_a_larger_device(self, job: Job) -> bool:
        """Return whether the GPU of this worker is too small for a queued job, and that of another one is not.

        Where all are too small, this worker starts it: the error says how much it needs.
        """
        spec, dependencies = job.spec, self._dependencies
        pixels = largest_scene_pixels(job, dependencies.catalogue)
        own = dependencies.status.report(dependencies.clock())
        if job.status is not Status.QUEUED or not own.lacks_memory(spec.model, pixels):
            return False
        return any(
            spec.model in report.models and not report.lacks_memory(spec.model, pixels)
            for report in await other_workers(dependencies)
        )

    async def is_held_by_the_living(self, job: Job) -> bool:
        """Return whether the worker of a job is alive although its ticket came here.

        That happens after an outage that swallowed its extensions, or when the server's clock is set ahead. A worker
        that is alive reports within a few seconds, and extends its ticket again. Holding the ticket meanwhile uses no
        delivery. One that is removed from the registry, before or meanwhile, is not waited for.
        """
        if not is_held_by_another(job, self._dependencies.worker):
            return False
        loop, workers = asyncio.get_running_loop(), self._dependencies.workers
        ends_at = loop.time() + self._dependencies.timing.holder_look_seconds
        before = await self._report_about(job)
        while not await workers.is_deregistered(job.worker):
            report = await self._report_about(job)
            if report is not None and report != before:
                return True
            if loop.time() >= ends_at:
                return False
            await asyncio.sleep(HOLDER_POLL_SECONDS)
        return False

    async def _report_about(self, job: Job) -> WorkerReport | None:
        """Return the report of the job's worker, if that works on it."""
        present = await self._dependencies.workers.present_workers()
        return next((each for each in present if each.name == job.worker and job.id in each.job_ids), None)


def is_held_by_another(job: Job, worker: str) -> bool:
    """Return whether the log gives a job to another worker."""
    return job.status is Status.PROCESSING and job.worker != worker
