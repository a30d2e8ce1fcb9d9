"""Settings of the queue and of the fleet that a simulation tries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kinolog.scheduling.lane_choice import WEIGHTS


class QueuePolicy(StrEnum):
    """Which job a worker starts next.

    `fair` is what kinolog does: lanes take turns by weight, and tenants within a lane. With `strict` no job starts
    while one of a higher priority waits. With `fifo` priorities and tenants have no effect: first come, first served.
    """

    FAIR = "fair"
    STRICT = "strict"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """What a simulation tries.

    `workers` is a number of workers that are there all the time and render every model; None for those of the record.
    `speed` divides the times of stages that the device works in. A job is stopped for critical ones at most
    `preemptions` times; None stands for the rule of the record.
    """

    policy: QueuePolicy = QueuePolicy.FAIR
    workers: int | None = None
    speed: float = 1.0
    preemptions: int | None = None
    lane_weights: Mapping[str, int] = field(default_factory=lambda: dict(WEIGHTS))
    tenant_weights: Mapping[str, float] = field(default_factory=dict)

    def tenant_weight(self, tenant: str) -> float:
        """Return the weight of a tenant."""
        return self.tenant_weights.get(tenant, 1.0)

    def most_preemptions(self, recorded: int) -> int:
        """Return how often a job may be stopped: by default as `recorded`, and never with a policy that stops none."""
        if self.policy is QueuePolicy.FIFO:
            return 0
        return recorded if self.preemptions is None else self.preemptions
