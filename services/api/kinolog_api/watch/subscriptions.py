"""Who watches what: by tenant, and by job."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from kinolog_api.watch.watcher import Watcher


class Subscriptions:
    """All watchers, found by what they want without asking each."""

    def __init__(self) -> None:
        self._of_tenant: dict[str, set[Watcher]] = {}
        self._of_job: dict[tuple[str, str], set[Watcher]] = {}

    def __iter__(self) -> Iterator[Watcher]:
        return chain(*self._of_tenant.values(), *self._of_job.values())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def add(self, watcher: Watcher) -> None:
        """Let it be found."""
        tenant, job_id = watcher.interest.tenant, watcher.interest.job_id
        if job_id is None:
            self._of_tenant.setdefault(tenant, set()).add(watcher)
        else:
            self._of_job.setdefault((tenant, job_id), set()).add(watcher)

    def discard(self, watcher: Watcher) -> None:
        """Forget it; one that is not there is no error."""
        tenant, job_id = watcher.interest.tenant, watcher.interest.job_id
        if job_id is None:
            self._of_tenant.get(tenant, set()).discard(watcher)
            if not self._of_tenant.get(tenant):
                self._of_tenant.pop(tenant, None)
        else:
            self._of_job.get((tenant, job_id), set()).discard(watcher)
            if not self._of_job.get((tenant, job_id)):
                self._of_job.pop((tenant, job_id), None)

    def of(self, tenant: str, job_id: str) -> list[Watcher]:
        """Those who want to know about this job of this tenant."""
        return [*self._of_tenant.get(tenant, ()), *self._of_job.get((tenant, job_id), ())]
