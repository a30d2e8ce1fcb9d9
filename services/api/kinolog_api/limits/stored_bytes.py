"""How many bytes the jobs of a tenant have, in files and in the log, asked of the read model now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from grpc import StatusCode

from kinolog.connections.recent_entries import RecentEntries
from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.ports.use.tenant_use import TenantUseReader
from kinolog.tenants.policy import TenantPolicy
from kinolog_api.rpc.errors import RpcError

KNOWN_SECONDS = 10.0
"""How long the size is believed. Adding up a million files takes the database a second."""
UNKNOWN_SECONDS = 1.0
"""How long nobody asks again after no answer: jobs are submitted while the database is away."""
CACHED_TENANTS = 1_000


class StoredBytes:
    """Knows the size of something that each tenant has: `read` asks the read model for it."""

    def __init__(self, read: Callable[[str], Awaitable[int]]) -> None:
        self._read = read
        self._known = RecentEntries[str, tuple[float, int | None]](CACHED_TENANTS)
        """Until when the size is believed, on the monotonic clock, and the size; None if nobody knows it."""
        self._asking = WeakValueDictionary[str, asyncio.Lock]()
        """Held for a tenant while the database is asked. The others that need the size wait for that answer."""

    async def of(self, tenant: str) -> int | None:
        """Return the size as it was at most `KNOWN_SECONDS` ago, or when the database answered last; else None."""
        async with self._asking.setdefault(tenant, asyncio.Lock()):
            until, size = self._known.get(tenant, (0.0, None))
            if time.monotonic() < until:
                return size
            seconds = KNOWN_SECONDS
            try:
                size = await self._read(tenant)
            except ReadModelUnavailable:
                seconds = UNKNOWN_SECONDS
            self._known[tenant] = time.monotonic() + seconds, size
            return size


class TenantBytes:
    """Knows how many bytes the files and the commits of tenants have, and refuses jobs of those that have too many."""

    def __init__(self, read_model: TenantUseReader) -> None:
        self.files = StoredBytes(read_model.artifact_bytes)
        self.log = StoredBytes(read_model.log_bytes)

    async def refusal(self, tenant: str, policy: TenantPolicy) -> RpcError | None:
        """Return the error of a new job of a tenant with as many bytes as it may have. None while nobody knows."""
        files, log = policy.max_artifact_bytes, policy.max_log_bytes
        if files is not None and (stored := await self.files.of(tenant)) is not None and stored >= files:
            message = (
                f"the files of this tenant's jobs have {stored:,} bytes, and they may have {files:,}: erase jobs that "
                "are not needed any more"
            )
            return _used("ARTIFACT_BYTES_USED", message, stored, files)
        if log is not None and (stored := await self.log.of(tenant)) is not None and stored >= log:
            message = (
                f"the jobs of this tenant have {stored:,} bytes in the log, and they may have {log:,}. The log keeps "
                "the history of all jobs, also of erased ones: ask the operator for more"
            )
            return _used("LOG_BYTES_USED", message, stored, log)
        return None


def _used(reason: str, message: str, used: int, limit: int) -> RpcError:
    metadata = {"used": str(used), "limit": str(limit)}
    return RpcError(
        StatusCode.RESOURCE_EXHAUSTED, reason, message, metadata=metadata, retry_seconds=KNOWN_SECONDS
    )
