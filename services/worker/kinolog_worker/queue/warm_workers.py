"""Brings jobs to workers that have their models loaded. See decision 95."""

from __future__ import annotations

import logging
from collections import deque
from math import ceil
from time import monotonic

from kinolog.job.state import Job
from kinolog.models.catalogue import Catalogue
from kinolog.ports.tickets import COLDEST, HeldTicket, Ticket
from kinolog.ports.workers import WorkerReport
from kinolog.process.logs import fields
from kinolog_worker.dependencies import WorkerDependencies

logger = logging.getLogger(__name__)

MOST_DELIVERIES = 3
"""A ticket that was delivered more often is passed on no more: each time it is passed on counts as a delivery."""

REMEMBERED = 100
"""Number of tickets that this worker does not pass on a second time."""

STEPPED_BACK_SECONDS = 1.0
"""How long a worker that has passed on a ticket requests others of that class as the coldest one."""


class WarmWorkers:
    """The other workers of the model classes that this one serves, as far as they wait and are warm.

    The server prefers the requests of workers that have more models of a class loaded. It does not know of which model
    a ticket is. So a worker that receives one for a model which it would have to load passes it on, if another
    worker waits and has that model.
    """

    def __init__(self, dependencies: WorkerDependencies) -> None:
        self._dependencies = dependencies
        self._passed: deque[Ticket] = deque(maxlen=REMEMBERED)
        self._passed_at: dict[str, float] = {}
        """When a ticket of each class was passed on last."""

    def coldness(self, model_class: str) -> int:
        """Return how little of a class is loaded here: 0 for all models of it that this worker serves."""
        if monotonic() - self._passed_at.get(model_class, -STEPPED_BACK_SECONDS) < STEPPED_BACK_SECONDS:
            return COLDEST
        served = self._dependencies.served
        names = [
            entry.name
            for entry in self._dependencies.catalogue
            if entry.model_class == model_class and entry.name in served
        ]
        loaded = self._dependencies.inference.loaded_models
        return ceil((COLDEST - 1) * sum(name not in loaded for name in names) / max(1, len(names)))

    async def pass_on(self, held: HeldTicket, job: Job) -> bool:
        """Release the ticket of a queued job if another worker waits that is warm. Return whether it was released.

        Raises `LogUnavailable`.
        """
        model = job.spec.model
        entry = self._dependencies.catalogue.get(model)
        if entry is not None and entry.files_at_once:  # it is loaded nowhere
            return False
        if model in self._dependencies.inference.loaded_models or held.ticket in self._passed:
            return False
        waiting = await self._others_that_wait(held, job)
        warm = next((report for report in waiting if model in report.loaded_models), None)
        if warm is None:
            return False
        self._passed.append(held.ticket)
        self._passed_at[held.ticket.model_class] = monotonic()
        logger.info("ticket passed on: %s has the model", warm.name, extra=fields("passed_on", job=job.id))
        await held.release()
        return True

    async def another_waits(self, held: HeldTicket, job: Job) -> bool:
        """Return whether another worker waits that can render a job, and its ticket was not delivered too often.

        Raises `LogUnavailable`.
        """
        return bool(await self._others_that_wait(held, job))

    async def _others_that_wait(self, held: HeldTicket, job: Job) -> list[WorkerReport]:
        """Return the reports of other workers that wait and can render a job; none if its ticket is passed on no more.

        Raises `LogUnavailable`.
        """
        if held.deliveries > MOST_DELIVERIES:
            return []
        pixels = largest_scene_pixels(job, self._dependencies.catalogue)
        return [
            report for report in await other_workers(self._dependencies) if _waits_able(report, job, pixels)
        ]


async def other_workers(dependencies: WorkerDependencies) -> list[WorkerReport]:
    """Return the reports of all present workers but this one. Raises `LogUnavailable`."""
    present = await dependencies.workers.present_workers()
    return [report for report in present if report.name != dependencies.worker]


def largest_scene_pixels(job: Job, catalogue: Catalogue) -> int:
    """Return the pixels in all frames of the largest scene, as its model draws them; 0 for an unknown model."""
    spec = job.spec
    entry = catalogue.get(spec.model)
    if entry is None:
        return 0
    lengths = [scene.frames for scene in job.scenes] or [spec.frames]
    frames = entry.longest_drawn_scene(lengths, chained=spec.chained)
    return entry.drawn_pixels(spec.width, spec.height, frames)


def _waits_able(report: WorkerReport, job: Job, pixels: int) -> bool:
    """Return whether a worker waits for tickets and can render a job."""
    spec = job.spec
    return (
        report.waits
        and spec.model in report.models
        and (not spec.codec or not report.codecs or spec.codec in report.codecs)
        and not report.lacks_memory(spec.model, pixels)
    )
