"""Which tenant a job belongs to: it never changes, so what was learnt once is kept."""

from __future__ import annotations

from kinolog.ports.event_store import EventStore

KEPT = 20_000


class TenantLookup:
    """Remembers the tenants of the jobs seen last."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._tenants: dict[str, str] = {}

    def learn(self, job_id: str, tenant: str) -> None:
        """Keep it; the job learnt first makes room."""
        if job_id not in self._tenants:
            self._tenants[job_id] = tenant
            if len(self._tenants) > KEPT:
                del self._tenants[next(iter(self._tenants))]

    async def tenant_of(self, job_id: str) -> str | None:
        """The tenant; None for a job that is not in the log. Raises `LogUnavailable`."""
        tenant = self._tenants.get(job_id)
        if tenant is None:
            loaded = await self._store.load(job_id)
            if loaded is None:
                return None
            tenant = loaded.job.tenant
            self.learn(job_id, tenant)
        return tenant
