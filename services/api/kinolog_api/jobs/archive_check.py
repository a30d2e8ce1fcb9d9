"""Compares the log with the archive where a damaged log would mislead the api. See decision 15.

A log that lost a commit does not say so: the job does not exist, or is as it was before. The archive remembers it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from kinolog.grouped_calls import GroupedCalls, GroupLimits
from kinolog.ids import is_recent
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import RESTORE, DamagedLog, EventStore
from kinolog.ports.read_model import ReadModel, ReadModelUnavailable
from kinolog.process.tasks import BackgroundTasks, within
from kinolog_api.audit.job_owners import archived_owners

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 0.5
"""How long a read of the archive may take. A job is accepted without it: Postgres may be away."""
PAUSE_SECONDS = 5.0
"""The archive is left alone for this long after it did not answer."""

LIMITS = GroupLimits(max_single_calls=1, max_group_size=500, crowd_size=4)
"""Concurrent submits share reads: one costs the api as much as half a submit, whatever the number of its jobs."""


class ArchiveCheck:
    """Raises `DamagedLog` for jobs that the archive knows better than the log.

    The archive follows the log. So the log is read again, after the archive, before a job counts as damaged: it may
    have changed since the caller read it.
    """

    def __init__(
        self,
        store: EventStore,
        read_model: ReadModel,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._read_model = read_model
        self._clock = clock
        self._monotonic = monotonic
        self._paused_until = 0.0
        self._endings = BackgroundTasks()
        self._shared_reads = GroupedCalls(self._tail, self._tails_in_order, LIMITS)

    async def check_new_jobs(self, jobs: Mapping[str, str]) -> dict[str, DamagedLog]:
        """Return the error of each job that the archive has and the log has lost, by id.

        `jobs` are request ids by job id. Request ids that state that they were made a moment ago are not
        looked up: no earlier request had them.
        """
        now = self._clock()
        older = [job_id for job_id, request_id in jobs.items() if not is_recent(request_id, now)]
        if len(older) == 1:
            tails = {older[0]: await self._shared_reads.submit(older[0])}
        else:
            tails = await self._tails(older)
        return {
            job_id: damage
            for job_id, tail in tails.items()
            if tail and (damage := await self._damage(job_id, tail)) is not None
        }

    async def check_tail(self, job_id: str, position: int) -> None:
        """Raise `DamagedLog` if the archive holds a later commit of the job than the one at `position`, 0 for none."""
        tail = await self._tail(job_id)
        if tail > position and (damage := await self._damage(job_id, tail)) is not None:
            raise damage

    async def check_lost(self, tenant: str, job_id: str) -> None:
        """Raise `DamagedLog` if the archive holds a job of the tenant that the log does not have."""
        tail = await self._tail(job_id)
        damage = await self._damage(job_id, tail) if tail else None
        if damage is None:
            return
        if tenant in await archived_owners(self._read_model, job_id):
            raise damage

    async def _damage(self, job_id: str, tail: int) -> DamagedLog | None:
        """Return the error if the log lacks the archived tail of a job."""
        loaded = await self._store.load(job_id)
        return _lost(job_id, tail) if loaded is None or loaded.position < tail else None

    async def _tail(self, job_id: str) -> int:
        """Return the archived tail of a job, 0 for none."""
        return (await self._tails([job_id])).get(job_id, 0)

    async def _tails_in_order(self, job_ids: Sequence[str]) -> list[int]:
        tails = await self._tails(job_ids)
        return [tails.get(job_id, 0) for job_id in job_ids]

    async def _tails(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Return the archived tails; empty if the archive does not answer in time."""
        if not job_ids or self._monotonic() < self._paused_until:
            return {}
        try:
            return await within(ANSWER_SECONDS, self._read_model.archived_tails(job_ids), self._endings)
        except (TimeoutError, ReadModelUnavailable) as error:
            self._paused_until = self._monotonic() + PAUSE_SECONDS
            logger.warning(
                "the archive does not answer (%s): jobs are accepted without it", type(error).__name__
            )
            return {}


def _lost(job_id: str, tail: int) -> DamagedLog:
    return DamagedLog(f"the log has lost position {tail} of job {job_id}, which the archive holds. {RESTORE}")
