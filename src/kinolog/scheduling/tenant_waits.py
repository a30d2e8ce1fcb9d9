"""How long the jobs of each tenant waited for their first attempt, as sums for operators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kinolog.job.commit import RecordedCommit
from kinolog.job.events import AttemptStarted
from kinolog.job.state import Job

MOST_TENANTS = 1_000
"""Tenants with sums of their own. Those that come later are added up under the empty name."""


@dataclass(slots=True)
class WaitSum:
    """Jobs that started, and the seconds that they waited together."""

    jobs: int = 0
    seconds: float = 0.0


class TenantWaits:
    """The sums of each tenant since this process started."""

    def __init__(self) -> None:
        self._sums: dict[str, WaitSum] = {}

    def add(self, job: Job, commits: Iterable[RecordedCommit]) -> None:
        """Add a job if its commits start its first attempt. Their own states are not read: decoding them takes long."""
        for recorded in commits:
            for event in recorded.commit.events:
                if isinstance(event, AttemptStarted) and event.attempt == 1:
                    wait = self._sum_of(job.tenant)
                    wait.jobs += 1
                    wait.seconds += max(0.0, (event.at - job.waits_from).total_seconds())

    def _sum_of(self, tenant: str) -> WaitSum:
        name = tenant if tenant in self._sums or len(self._sums) < MOST_TENANTS else ""
        return self._sums.setdefault(name, WaitSum())

    def __iter__(self) -> Iterator[tuple[str, WaitSum]]:
        return iter(self._sums.items())
