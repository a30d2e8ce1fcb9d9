"""Erases jobs that are older than their tenant's policy keeps them. See decision 144.

Every api does so. What one has erased is no longer selected by the others, and an erasure has one effect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from kinolog.ids import new_id
from kinolog.job.values import Status
from kinolog.ports.clock import Clock
from kinolog.ports.read_model import JobFilter, ReadModel, ReadModelUnavailable
from kinolog.process.logs import fields
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog_api.rpc.calls import RpcCall

logger = logging.getLogger(__name__)

ROUND_SECONDS = 3_600.0
"""Pause between two rounds."""
PAGE_JOBS = 100
"""Jobs of a tenant that are selected at once."""
CONCURRENT_ERASURES = 4
"""Erasures at the same time. People's calls are not to wait for them."""
WAIT_SECONDS = 30.0
"""How long the lists are waited for after a page, so that they no longer have what was erased."""

ACTOR = "retention"
"""Who erases, in the history."""
ENDED = tuple(status for status in Status if status.terminal)

EraseJob: TypeAlias = Callable[[RpcCall, str, str], Awaitable[int]]
"""Erases the job with an id as part of the erasure with another id. Returns the position of its last commit."""


class Retention:
    """Erases what tenants keep no longer."""

    def __init__(
        self, policies: FollowedPolicies, read_model: ReadModel, erase: EraseJob, clock: Clock
    ) -> None:
        self._policies = policies
        self._read_model = read_model
        self._erase = erase
        self._clock = clock

    async def run(self) -> None:
        """Erase round by round, until cancelled. What fails is tried again in the next round."""
        while True:
            try:
                await self.erase_due()
            except Exception as error:
                extra = fields("retention_failed", error=type(error).__name__)
                logger.warning("jobs that are kept no longer could not be erased; retrying", extra=extra)
            await asyncio.sleep(ROUND_SECONDS)

    async def erase_due(self) -> int:
        """Erase what is due of all tenants. Return how many jobs. Raises `ReadModelUnavailable`.

        What else fails for one tenant holds up no other.
        """
        policies = self._policies.current
        if policies.default.retention is None and all(
            one.retention is None for one in policies.named.values()
        ):
            return 0
        return sum([await self._erased_of(tenant) for tenant in await self._read_model.tenants()])

    async def _erased_of(self, tenant: str) -> int:
        try:
            return await self._erase_of(tenant)
        except ReadModelUnavailable:
            raise
        except Exception as error:
            extra = fields("retention_failed", tenant=tenant, error=type(error).__name__)
            logger.warning(
                "jobs of a tenant that are kept no longer could not be erased; retrying", extra=extra
            )
            return 0

    async def _erase_of(self, tenant: str) -> int:
        """Erase what is due of a tenant, as one erasure, until a page has none that can be erased."""
        kept = self._policies.current.of(tenant).retention
        if kept is None:
            return 0
        # What a fast clock of this machine erases would be lost for good: the slower one of two clocks counts.
        now = min(self._clock(), await self._read_model.database_time())
        due = JobFilter(statuses=ENDED, created_before=now - kept, erased=False)
        call = RpcCall(tenant=tenant, actor=ACTOR)
        erasure_id, erased = new_id(), 0
        while job_ids := await self._read_model.select_ids(tenant, due, PAGE_JOBS):
            positions = await self._erase_page(call, job_ids, erasure_id)
            erased += len(positions)
            if not positions or len(job_ids) < PAGE_JOBS:
                break
            await self._read_model.wait_for(max(positions), WAIT_SECONDS)
        if erased:
            logger.info(
                "erased jobs that are kept no longer",
                extra=fields("retention", tenant=tenant, jobs=erased, erasure=erasure_id),
            )
        return erased

    async def _erase_page(self, call: RpcCall, job_ids: list[str], erasure_id: str) -> list[int]:
        """Erase jobs. Return the positions of those that could be."""
        turns = asyncio.Semaphore(CONCURRENT_ERASURES)

        async def erase(job_id: str) -> int:
            async with turns:
                try:
                    return await self._erase(call, job_id, erasure_id)
                except Exception as error:
                    extra = fields("retention_failed", job=job_id, error=type(error).__name__)
                    logger.warning("a job that is kept no longer could not be erased; retrying", extra=extra)
                    return 0

        return [position for position in await asyncio.gather(*map(erase, job_ids)) if position]
