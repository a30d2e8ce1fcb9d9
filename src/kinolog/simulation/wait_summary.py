"""Figures of recorded or simulated times: waits by priority and tenant, the makespan, the use of devices. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kinolog.job.values import Priority
from kinolog.simulation.job_record import JobTimes
from kinolog.simulation.recorded_fleet import WorkerRecord

ALL, PRIORITY, TENANT = "all", "priority", "tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSummary:
    """Jobs of a group: all, of a priority or of a tenant. Waits are None if none of them started."""

    kind: str
    name: str
    jobs: int
    started: int
    p50_seconds: float | None
    p95_seconds: float | None
    max_seconds: float | None
    mean_seconds: float | None
    device_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSummary:
    """What a fleet did: from the first job that could start to the end of the last one."""

    workers: int
    start: float
    makespan_seconds: float
    device_seconds: float
    worker_seconds: float

    @property
    def used_share(self) -> float:
        """The share of the time of workers in which a job used their device."""
        return self.device_seconds / self.worker_seconds if self.worker_seconds else 0.0


def group_summaries(times: Sequence[JobTimes]) -> list[GroupSummary]:
    """Return the summaries of all jobs, of each priority and of each tenant."""
    by_priority: dict[str, list[JobTimes]] = {priority.value: [] for priority in Priority}
    by_tenant: defaultdict[str, list[JobTimes]] = defaultdict(list)
    for each in times:
        by_priority[each.priority.value].append(each)
        by_tenant[each.tenant].append(each)
    return [
        _summary(ALL, "", times),
        *(_summary(PRIORITY, name, found) for name, found in by_priority.items() if found),
        *(_summary(TENANT, name, found) for name, found in sorted(by_tenant.items())),
    ]


def fleet_summary(times: Sequence[JobTimes], workers: Sequence[WorkerRecord]) -> FleetSummary:
    """Return what a fleet did. Raises ValueError without jobs."""
    start = min(each.waits_from for each in times)
    end = max((each.ended for each in times if each.ended is not None), default=start)
    return FleetSummary(
        workers=len(workers),
        start=start,
        makespan_seconds=end - start,
        device_seconds=sum(each.device_seconds for each in times),
        worker_seconds=sum(worker.present_seconds(start, end) for worker in workers),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of sorted values lies, between the two nearest ones."""
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def _summary(kind: str, name: str, times: Iterable[JobTimes]) -> GroupSummary:
    found = list(times)
    waits = sorted(wait for each in found if (wait := each.wait_seconds) is not None)
    return GroupSummary(
        kind=kind,
        name=name,
        jobs=len(found),
        started=len(waits),
        p50_seconds=percentile(waits, 0.5) if waits else None,
        p95_seconds=percentile(waits, 0.95) if waits else None,
        max_seconds=waits[-1] if waits else None,
        mean_seconds=sum(waits) / len(waits) if waits else None,
        device_seconds=sum(each.device_seconds for each in found),
    )
