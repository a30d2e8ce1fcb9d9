"""The tenant of a job. It never changes, so it is cached."""

from __future__ import annotations

import logging

from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.process.logs import fields
from kinolog_api.recent_entries import RecentEntries

logger = logging.getLogger(__name__)

CACHED_JOBS = 20_000


class TenantLookup:
    """Looks up tenants of jobs in the log and caches the latest."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._tenants = RecentEntries[str, str](CACHED_JOBS)

    def remember(self, job_id: str, tenant: str) -> None:
        """Cache the tenant of a job."""
        if job_id not in self._tenants:
            self._tenants[job_id] = tenant

    async def tenant_of(self, job_id: str) -> str | None:
        """Return the tenant; None for a job that is not in the log or cannot be read there. Raises `LogUnavailable`.

        A damaged job of one tenant takes no list of workers and no live update from the others.
        """
        tenant = self._tenants.get(job_id)
        if tenant is None:
            try:
                loaded = await self._store.load(job_id)
            except DamagedLog as damage:
                extra = fields("tenant_unknown", job=job_id)
                logger.error("the tenant of a job cannot be read: %s", damage, extra=extra)
                return None
            if loaded is None:
                return None
            tenant = loaded.job.tenant
            self.remember(job_id, tenant)
        return tenant
