"""How many bytes a tenant may upload for jobs to come.

The store knows what waits, so the quota outlives a restart of the api. What arrives at the same time counts as well:
several uploads together exceed it no more than one does.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from grpc import StatusCode

from kinolog_api.rpc.errors import RpcError

RETRY_SECONDS = 600.0
"""When a tenant may try again: expired uploads are deleted about as often."""


@dataclass(slots=True, weakref_slot=True)
class _Usage:
    """What a tenant has in the store, and what arrives from it, in bytes. Uploads at the same time share one."""

    stored: int = 0
    arriving: int = 0


class ArrivingUpload:
    """An upload that arrives. `stored` is set once its bytes are in the store."""

    def __init__(self, usage: _Usage, most_bytes: int) -> None:
        self._usage = usage
        self._most_bytes = most_bytes
        self.size_bytes = 0
        self.stored = False

    def check(self, more_bytes: int) -> None:
        """Raise RESOURCE_EXHAUSTED if there is no room for so many bytes more."""
        usage = self._usage
        if usage.stored + usage.arriving + more_bytes > self._most_bytes:
            message = (
                f"your uploads that wait for jobs may have {self._most_bytes:,} bytes together, and they have "
                f"{usage.stored:,}; try again when earlier ones have expired"
            )
            raise RpcError(
                StatusCode.RESOURCE_EXHAUSTED, "UPLOADS_FULL", message, retry_seconds=RETRY_SECONDS
            )

    async def counted(self, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the content. Raises RESOURCE_EXHAUSTED as soon as there is no more room."""
        async for piece in content:
            self.check(len(piece))
            self.size_bytes += len(piece)
            self._usage.arriving += len(piece)
            yield piece


class UploadQuota:
    """Limits the uploads of each tenant. `waiting_bytes` returns what a tenant has in the store."""

    def __init__(self, waiting_bytes: Callable[[str], Awaitable[int]], most_bytes: int) -> None:
        self._waiting_bytes = waiting_bytes
        self._most_bytes = most_bytes
        self._usages: WeakValueDictionary[str, _Usage] = WeakValueDictionary()

    @asynccontextmanager
    async def arriving(self, tenant: str, stated_bytes: int) -> AsyncIterator[ArrivingUpload]:
        """Count an upload of a tenant while it arrives. Its stated size is 0 if it is not known.

        Raises RESOURCE_EXHAUSTED if there is no room for it, `ArtifactsUnavailable`.
        """
        usage = self._usages.setdefault(tenant, _Usage())
        usage.stored = await self._waiting_bytes(tenant)
        upload = ArrivingUpload(usage, self._most_bytes)
        upload.check(max(1, stated_bytes))
        try:
            yield upload
        finally:
            usage.arriving -= upload.size_bytes
            if upload.stored:
                usage.stored += upload.size_bytes
