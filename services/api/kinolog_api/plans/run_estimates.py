"""How long a job will run, from the past jobs of its tenant and model."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from kinolog.job.values import Status
from kinolog.ports.clock import Clock
from kinolog.ports.read_model import (
    JobFilter,
    JobQuery,
    ReadModel,
    ReadModelUnavailable,
    SortField,
    SortOrder,
)
from kinolog.storyboard.render_times import RenderEstimate, RenderSize, RenderTimes

PAST_JOBS = 50
"""Jobs of each list: the newest ones, and those that ran longest, which tell the rate from the fixed cost."""

READ_SECONDS = 2.0
"""How long a plan waits for the read model. Without an answer it has no estimate."""

KNOWN_SECONDS = 30.0
"""How long the times of a model are used again."""

MOST_KNOWN = 256
"""Pairs of tenant and model whose times are remembered."""

LONGEST_OF = timedelta(days=30)
"""Age of the jobs among which those that ran longest are looked for."""


logger = logging.getLogger(__name__)


class RunEstimates:
    """Estimates jobs, and remembers the times of past ones for half a minute."""

    def __init__(
        self, read_model: ReadModel, clock: Clock, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._read_model = read_model
        self._clock = clock
        self._now = now
        self._known: OrderedDict[tuple[str, str], tuple[float, RenderTimes]] = OrderedDict()

    async def estimate(self, tenant: str, model: str, size: RenderSize) -> RenderEstimate | None:
        """Return the estimate; None without a past job of about this size, or if the read model does not answer."""
        return (await self._times(tenant, model)).estimate(size)

    async def _times(self, tenant: str, model: str) -> RenderTimes:
        key = tenant, model
        until, times = self._known.get(key, (0.0, RenderTimes()))
        if self._now() < until:
            return times
        try:
            async with asyncio.timeout(READ_SECONDS):
                times = await self._read(tenant, model)
        except (ReadModelUnavailable, TimeoutError):
            logger.warning("plans have no new estimates: the read model does not answer")
        self._known[key] = self._now() + KNOWN_SECONDS, times
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return times

    async def _read(self, tenant: str, model: str) -> RenderTimes:
        completed = JobFilter(statuses=(Status.COMPLETED,), models=(model,))
        recent = replace(completed, created_from=self._clock() - LONGEST_OF)
        queries = (
            JobQuery(filter=completed, page_size=PAST_JOBS),
            JobQuery(filter=recent, order=SortOrder(SortField.DURATION), page_size=PAST_JOBS),
        )
        pages = [await self._read_model.list_jobs(tenant, query) for query in queries]
        return RenderTimes({row.id: row for page in pages for row in page.rows}.values())
