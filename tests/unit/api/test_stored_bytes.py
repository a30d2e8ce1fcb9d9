"""How many bytes the files of a tenant have."""

from __future__ import annotations

import asyncio
from datetime import datetime

from kinolog_api.limits.stored_bytes import TenantBytes

from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.ports.use.tenant_use import AllUse, TenantUse
from kinolog.tenants.policy import TenantPolicy


class CountedReads:
    """A read model that counts how often it is asked, and may be away."""

    def __init__(self) -> None:
        self.reads, self.is_away = 0, False

    async def all_use(self, since: datetime) -> AllUse:
        raise ReadModelUnavailable("away")

    async def tenant_use(self, tenant: str, since: datetime) -> TenantUse:
        raise ReadModelUnavailable("away")

    async def artifact_bytes(self, tenant: str) -> int:
        self.reads += 1
        await asyncio.sleep(0)  # others ask meanwhile
        if self.is_away:
            raise ReadModelUnavailable("away")
        return 7

    async def log_bytes(self, tenant: str) -> int:
        raise ReadModelUnavailable("away")

    async def tenants(self) -> list[str]:
        raise ReadModelUnavailable("away")

    async def database_time(self) -> datetime:
        raise ReadModelUnavailable("away")


async def test_many_jobs_at_once_ask_the_database_once() -> None:
    """Whether it answers or not; while it is away no job waits for its time-out after another one did."""
    reader = CountedReads()
    stored = TenantBytes(reader)
    policy = TenantPolicy(max_artifact_bytes=7)
    refusals = await asyncio.gather(*(stored.refusal("studio", policy) for _ in range(50)))
    assert (reader.reads, None in refusals) == (1, False)
    reader.is_away = True
    assert set(await asyncio.gather(*(stored.refusal("team", policy) for _ in range(50)))) == {None}
    assert reader.reads == 2
