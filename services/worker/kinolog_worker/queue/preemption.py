"""Gives the device of this worker to critical jobs. See decision 130."""

from __future__ import annotations

import logging
from collections.abc import Collection
from math import inf

from kinolog.job.state import Job
from kinolog.ports.tickets import COLDEST, LAST_RESORT, HeldTicket
from kinolog.process.logs import fields
from kinolog.scheduling.next_job import TAKE_SECONDS
from kinolog.scheduling.preemption import PREEMPTING, DrawnJob
from kinolog_worker.attempt.attempt import RunningAttempt
from kinolog_worker.attempt.device_line import DeviceLine, DevicePlace
from kinolog_worker.queue.warm_workers import MOST_DELIVERIES, WarmWorkers

logger = logging.getLogger(__name__)


class Preemption:
    """Whether the job that uses the device may be stopped for a critical one, and the stop.

    The worker waits for critical tickets while it may. The queue prefers workers whose device is free, and gives each
    ticket to one worker.
    """

    def __init__(
        self,
        line: DeviceLine,
        attempts: Collection[RunningAttempt],
        warm_workers: WarmWorkers,
        most_preemptions: int,
    ) -> None:
        """`attempts` are those that run, now and later. A job is preempted at most `most_preemptions` times."""
        self._line = line
        self._attempts = attempts
        self._warm_workers = warm_workers
        self._most_preemptions = most_preemptions

    @property
    def is_possible(self) -> bool:
        """Whether the one job that uses the device may be preempted."""
        return self._victim() is not None

    async def possible(self) -> None:
        """Wait until a job may be preempted."""
        await self._line.wait(lambda: 0.0 if self.is_possible else inf)

    async def impossible(self) -> None:
        """Wait until no job may be preempted any more."""
        await self._line.wait(lambda: inf if self.is_possible else 0.0)

    def coldness(self, _: str) -> int:
        """Return the coldness of this worker for critical tickets while its device is used."""
        victim = self._victim()
        return LAST_RESORT if victim is None else COLDEST + 1 + victim[1].reluctance

    async def give_way(self, held: HeldTicket, place: DevicePlace, job: Job) -> bool:
        """Preempt the job before a place if that of its ticket is critical. Return False if the ticket was released.

        The ticket is released for a worker that waits. It is released too if the job before it may not be preempted
        any more, or if it was started although this critical job waited already: then it had its turn. A ticket that
        was delivered several times stays, because each release counts as a delivery. Raises `LogUnavailable`.
        """
        if held.ticket.priority is not PREEMPTING or self._line.seconds_before(place) <= TAKE_SECONDS:
            return True
        is_free_elsewhere = await self._warm_workers.another_waits(held, job)
        victim = self._victim(place) if job.priority is PREEMPTING else None
        may_release = held.deliveries <= MOST_DELIVERIES
        if victim is not None and victim[0].started_position > held.ticket.position and may_release:
            victim[0].keeps_device = True
            victim = None
        if is_free_elsewhere or (victim is None and may_release):
            logger.info("critical ticket released", extra=fields("given_back", job=job.id))
            await held.release()
            return False
        if victim is not None:
            attempt = victim[0]
            logger.info(
                "job %s is preempted",
                attempt.job_id,
                extra=fields("preempted", job=attempt.job_id, by=job.id),
            )
            attempt.interruption.preempt()
        return True

    def _victim(self, but: DevicePlace | None = None) -> tuple[RunningAttempt, DrawnJob] | None:
        """Return the attempt that uses the device, if it may be preempted. `but` is a place that does not count."""
        users = [place for place in self._line.users if place is not but]
        if len(users) != 1 or users[0].seconds_left() <= TAKE_SECONDS:
            return None
        attempt = next((each for each in self._attempts if each.place is users[0]), None)
        drawn = attempt.drawn_job() if attempt is not None else None
        if attempt is None or drawn is None or not drawn.may_be_preempted(self._most_preemptions):
            return None
        return attempt, drawn
