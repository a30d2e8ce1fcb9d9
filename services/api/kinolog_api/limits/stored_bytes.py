"""How many bytes the files of a tenant's jobs have, asked of the read model now and then."""

from __future__ import annotations

import asyncio
import time
from weakref import WeakValueDictionary

from grpc import StatusCode

from kinolog.connections.recent_entries import RecentEntries
from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.ports.use.tenant_use import TenantUseReader
from kinolog_api.rpc.errors import RpcError

KNOWN_SECONDS = 10.0
"""How long the size is believed. Adding up a million files takes the database a second."""
UNKNOWN_SECONDS = 1.0
"""How long nobody asks again after no answer: jobs are submitted while the database is away."""
CACHED_TENANTS = 1_000


class StoredBytes:
    """Knows the size, and refuses jobs of tenants whose files have too many bytes."""

    def __init__(self, read_model: TenantUseReader) -> None:
        self._read_model = read_model
        self._known = RecentEntries[str, tuple[float, int | None]](CACHED_TENANTS)
        """Until when the size is believed, on the monotonic clock, and the size; None if nobody knows it."""
        self._asking = WeakValueDictionary[str, asyncio.Lock]()
        """Held for a tenant while the database is asked. The others that need the size wait for that answer."""

    async def refusal(self, tenant: str, limit: int) -> RpcError | None:
        """Return the error of a new job, if the files have `limit` bytes or more. None while nobody knows."""
        stored = await self.of(tenant)
        if stored is None or stored < limit:
            return None
        message = (
            f"the files of this tenant's jobs have {stored:,} bytes, and they may have {limit:,}: erase jobs that are "
            "not needed any more"
        )
        return RpcError(
            StatusCode.RESOURCE_EXHAUSTED,
            "ARTIFACT_BYTES_USED",
            message,
            metadata={"used": str(stored), "limit": str(limit)},
            retry_seconds=KNOWN_SECONDS,
        )

    async def of(self, tenant: str) -> int | None:
        """Return the size as it was at most `KNOWN_SECONDS` ago, or when the database answered last; else None."""
        async with self._asking.setdefault(tenant, asyncio.Lock()):
            until, size = self._known.get(tenant, (0.0, None))
            if time.monotonic() < until:
                return size
            seconds = KNOWN_SECONDS
            try:
                size = await self._read_model.artifact_bytes(tenant)
            except ReadModelUnavailable:
                seconds = UNKNOWN_SECONDS
            self._known[tenant] = time.monotonic() + seconds, size
            return size
