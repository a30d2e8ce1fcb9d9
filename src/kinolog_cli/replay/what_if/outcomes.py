"""What each setting leads to, as figures and as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kinolog.simulation.fleet_simulation import RecordedQueue, simulate, workers_of
from kinolog.simulation.job_record import JobTimes, recorded_times
from kinolog.simulation.queue_settings import QueueSettings
from kinolog.simulation.recorded_fleet import WorkerRecord
from kinolog.simulation.wait_summary import (
    TENANT,
    FleetSummary,
    GroupSummary,
    fleet_summary,
    group_summaries,
)
from kinolog_cli.replay.what_if.setting_text import WhatIf

RECORDED, SIMULATED = "recorded", "recorded, simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The times of all jobs with one setting, and what follows from them."""

    name: str
    times: Sequence[JobTimes]
    groups: Sequence[GroupSummary]
    fleet: FleetSummary
    price: float | None = None

    @property
    def cost(self) -> float | None:
        """What the workers cost for the time in which they were there; None without a price."""
        return None if self.price is None else self.price * self.fleet.worker_seconds / 3600

    def cost_of(self, group: GroupSummary) -> float | None:
        """Return the share of a group in the cost, by its use of devices."""
        if self.cost is None or not self.fleet.device_seconds:
            return None
        return self.cost * group.device_seconds / self.fleet.device_seconds


def outcomes(recorded: RecordedQueue, settings: Sequence[WhatIf]) -> list[Outcome]:
    """Return what was recorded, the same simulated, and what each setting leads to."""
    price = next((each.price for each in settings if each.price is not None), None)
    as_it_was = QueueSettings()
    found = [
        _outcome(RECORDED, recorded_times(recorded.jobs), recorded.workers, price),
        _outcome(SIMULATED, simulate(recorded, as_it_was), recorded.workers, price),
    ]
    for each in settings:
        own_price = each.price if each.price is not None else price
        times = simulate(recorded, each.settings)
        found.append(_outcome(each.text, times, workers_of(recorded, each.settings), own_price))
    return found


def _outcome(
    name: str, times: Sequence[JobTimes], workers: Sequence[WorkerRecord], price: float | None
) -> Outcome:
    return Outcome(
        name=name,
        times=times,
        groups=group_summaries(times),
        fleet=fleet_summary(times, workers),
        price=price,
    )


def wait_rows(found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return a row for each group of jobs and each setting."""
    return [_row(outcome, group) for outcome in found for group in outcome.groups]


def _row(outcome: Outcome, group: GroupSummary) -> dict[str, Any]:
    fleet = outcome.fleet
    return {
        "setting": outcome.name,
        "group": group.kind,
        "name": group.name,
        "jobs": group.jobs,
        "started": group.started,
        "wait_p50_seconds": _rounded(group.p50_seconds),
        "wait_p95_seconds": _rounded(group.p95_seconds),
        "wait_max_seconds": _rounded(group.max_seconds),
        "wait_mean_seconds": _rounded(group.mean_seconds),
        "device_hours": _rounded(group.device_seconds / 3600),
        "cost": _rounded(outcome.cost_of(group)),
        "workers": fleet.workers,
        "makespan_seconds": _rounded(fleet.makespan_seconds),
        "device_use": _rounded(fleet.used_share),
    }


def tenants_of(found: Sequence[Outcome]) -> list[str]:
    """Return the tenants, those with the most device time first."""
    groups = [group for group in found[0].groups if group.kind == TENANT]
    return [group.name for group in sorted(groups, key=lambda group: -group.device_seconds)]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
