"""The watchers of an api process, indexed by tenant and by job."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

from kinolog_api.watch.watcher import Watcher, WatchFilter

Key: TypeAlias = tuple[str, str | None]
"""Tenant and job id; no job id for the watchers of all jobs of the tenant."""


class Subscriptions:
    """All watchers. Finds those of a job without testing each."""

    def __init__(self) -> None:
        self._watchers: dict[Key, set[Watcher]] = {}

    def __iter__(self) -> Iterator[Watcher]:
        return chain(*self._watchers.values())

    def __len__(self) -> int:
        return sum(map(len, self._watchers.values()))

    def add(self, watcher: Watcher) -> None:
        """Add a watcher."""
        self._watchers.setdefault(_key(watcher.watch_filter), set()).add(watcher)

    def discard(self, watcher: Watcher) -> None:
        """Remove a watcher if it is present."""
        key = _key(watcher.watch_filter)
        watchers = self._watchers.get(key, set())
        watchers.discard(watcher)
        if not watchers:
            self._watchers.pop(key, None)

    def of(self, tenant: str, job_id: str) -> list[Watcher]:
        """Return the watchers of this job of this tenant."""
        return [*self._watchers.get((tenant, None), ()), *self._watchers.get((tenant, job_id), ())]


def _key(watch_filter: WatchFilter) -> Key:
    return watch_filter.tenant, watch_filter.job_id
