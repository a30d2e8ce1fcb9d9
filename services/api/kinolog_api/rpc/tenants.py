"""The tenant of a job. It never changes, so it is cached."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from kinolog.connections.recent_entries import RecentEntries
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)

CACHED_JOBS = 20_000

UNREADABLE_JOBS = 1_000
"""Jobs that cannot be read, and that are remembered."""

UNREADABLE_SECONDS = 30.0
"""How long a job that cannot be read is not read again. Its worker reports progress several times a second."""

ABSENT_SECONDS = 2.0
"""The same for a job that is not in the log: a server that follows the leader may lack the newest ones."""


class TenantLookup:
    """Looks up tenants of jobs in the log and caches the latest."""

    def __init__(self, store: EventStore, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._tenants = RecentEntries[str, str](CACHED_JOBS)
        self._unknown = RecentEntries[str, float](UNREADABLE_JOBS)
        """When each job whose tenant is unknown is read again."""
        self._logged = RecentEntries[str, None](UNREADABLE_JOBS)
        """Damaged jobs that the log lines have named."""

    def remember(self, job_id: str, tenant: str) -> None:
        """Cache the tenant of a job."""
        if job_id not in self._tenants:
            self._tenants[job_id] = tenant
            self._unknown.pop(job_id, None)
            self._logged.pop(job_id, None)

    async def tenant_of(self, job_id: str) -> str | None:
        """Return the tenant; None for a job that is not in the log or cannot be read there. Raises `LogUnavailable`.

        A damaged job of one tenant takes no list of workers and no live update from the others. That there is no
        tenant is remembered for a while: callers ask with every report of a worker.
        """
        tenant = self._tenants.get(job_id)
        if tenant is not None or self._monotonic() < self._unknown.get(job_id, 0.0):
            return tenant
        try:
            loaded = await self._store.load(job_id)
        except DamagedLog as damage:
            self._unknown[job_id] = self._monotonic() + UNREADABLE_SECONDS
            self._log_damage(job_id, damage)
            return None
        if loaded is None:
            self._unknown[job_id] = self._monotonic() + ABSENT_SECONDS
            return None
        self.remember(job_id, loaded.job.tenant)
        return loaded.job.tenant

    def _log_damage(self, job_id: str, damage: DamagedLog) -> None:
        """Log once per job that it cannot be read."""
        if job_id not in self._logged:
            extra = fields("tenant_unknown", job=job_id)
            logger.error("the tenant of a job cannot be read: %s", damage, extra=extra)
        self._logged[job_id] = None
