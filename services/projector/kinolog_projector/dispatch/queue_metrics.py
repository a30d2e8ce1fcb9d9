"""How many jobs wait, of whom, in which priority, and for how long: metrics for operators."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool

from kinolog.job.values import Priority
from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.process.probe import Metric
from kinolog.readmodel.database import Connection, reader_connection
from kinolog.readmodel.priority_order import priority_order

logger = logging.getLogger(__name__)

READ_SECONDS = 15.0
"""Interval of the readings."""
MOST_TENANTS = 100
"""How many tenants have series of their own. The jobs of the others are counted together."""
OTHERS = "(others)"
"""Stands for the other tenants. No tenant has this name."""

QUERY = (
    "SELECT tenant, urgency, count(*), extract(epoch FROM now() - min(queued_at))::float8 FROM projection.jobs"
    " WHERE status = 'queued' AND paused_at IS NULL AND queued_at <= now() GROUP BY tenant, urgency"
)
_PRIORITIES = {priority_order(priority): priority.value for priority in Priority}


@dataclass(frozen=True, slots=True)
class QueuedJobs:
    """The jobs of a tenant that may start now, in one priority."""

    tenant: str
    priority: str
    number: int
    oldest_seconds: float


class QueueMetrics:
    """What was last read of the queue from the read models."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool
        self._found: tuple[QueuedJobs, ...] = ()

    async def update(self) -> None:
        """Read the queue once. While the database does not answer there are no metrics."""
        try:
            await self.read()
        except ReadModelUnavailable as unavailable:
            self._found = ()
            logger.debug("the queue cannot be counted: %s", unavailable)

    async def read(self) -> None:
        """Read the queue once. Raises `ReadModelUnavailable`."""
        async with reader_connection(self._pool) as connection:
            rows = await (await connection.execute(QUERY)).fetchall()
        self._found = _with_few_tenants(
            [QueuedJobs(tenant, _PRIORITIES[order], number, age) for tenant, order, number, age in rows]
        )

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe: nothing while the database does not answer, or before the first reading."""
        labelled = [({"tenant": each.tenant, "priority": each.priority}, each) for each in self._found]
        number = "Queued jobs that may start now. Paused ones, and those that wait for a time, are left out."
        oldest = "For how long the oldest of these jobs has been queued."
        return [
            *(
                Metric(name="kinolog_queue_jobs", value=each.number, help=number, labels=labels)
                for labels, each in labelled
            ),
            *(
                Metric(
                    name="kinolog_queue_oldest_seconds", value=each.oldest_seconds, help=oldest, labels=labels
                )
                for labels, each in labelled
            ),
        ]


def _with_few_tenants(found: list[QueuedJobs]) -> tuple[QueuedJobs, ...]:
    """Return the jobs of the tenants with most of them, and those of all others together."""
    totals: dict[str, int] = {}
    for each in found:
        totals[each.tenant] = totals.get(each.tenant, 0) + each.number
    named = set(sorted(totals, key=lambda tenant: (-totals[tenant], tenant))[:MOST_TENANTS])
    others: dict[str, QueuedJobs] = {}
    for each in found:
        if each.tenant not in named:
            before = others.get(each.priority, QueuedJobs(OTHERS, each.priority, 0, 0.0))
            oldest = max(before.oldest_seconds, each.oldest_seconds)
            others[each.priority] = QueuedJobs(OTHERS, each.priority, before.number + each.number, oldest)
    return (*(each for each in found if each.tenant in named), *others.values())
