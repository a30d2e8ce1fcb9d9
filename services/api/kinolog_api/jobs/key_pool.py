"""Keys made ahead, many in one write, so that a submit waits for the log alone.

A key is stored durably before anybody is given it, so no stored prompt is ever without its key. What is left when the
api stops is deleted; an api that dies leaves keys that seal nothing (at most `MOST` and one batch).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from kinolog.ids import new_id
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealer import new_key
from kinolog.process.logs import fields

log = logging.getLogger(__name__)

LEAST = 128
"""Keys kept ready while little is submitted."""

MOST = 4_000
"""Keys kept ready while as much is submitted as can be."""

BATCH = 250
"""Most keys stored in one write, unless callers wait for more: making them keeps other calls waiting for 4 ms."""

LARGEST_BATCH = 1_000

SOON_SECONDS = 1.0
"""A pool that runs low again so soon is doubled."""

LATE_SECONDS = 60.0
"""One that lasts so long is halved."""

DISCARD_SECONDS = 5.0
"""How long a stopping api takes to delete the keys that are left."""


@dataclass(frozen=True, slots=True)
class UnusedKey:
    """A durable key that has sealed nothing yet."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Taker:
    count: int
    keys: asyncio.Future[list[UnusedKey]]


class KeyPool:
    """Hands out fresh keys, each once; makes new ones when half of them are gone, as many as demand asks for."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._ready: list[UnusedKey] = []
        self._takers: deque[_Taker] = deque()
        self._size = LEAST
        self._refilled_at = float("-inf")
        self._refilling: asyncio.Task[None] | None = None
        self._closed = False

    def open(self) -> None:
        """Begin to fill the pool."""
        self._look()

    async def take(self, count: int = 1) -> list[UnusedKey]:
        """So many keys, none of which anybody else is given. Raises `LogUnavailable` when none can be stored."""
        if count <= len(self._ready) and not self._takers:
            taken = self._ready[:count]
            del self._ready[:count]
            self._look()
            return taken
        taker = _Taker(count, asyncio.get_running_loop().create_future())
        self._takers.append(taker)
        self._look()
        try:
            return await taker.keys
        except asyncio.CancelledError:
            if taker.keys.done() and not taker.keys.cancelled() and taker.keys.exception() is None:
                self.give_back(taker.keys.result())
            raise

    def give_back(self, keys: Sequence[UnusedKey]) -> None:
        """Take back keys under which nothing was stored, for sure."""
        self._ready += keys

    async def close(self) -> None:
        """Delete the keys that nobody took. What cannot be deleted now stays, and seals nothing."""
        self._closed = True
        if self._refilling is not None:
            await asyncio.wait([self._refilling], timeout=DISCARD_SECONDS)
        left, self._ready = self._ready, []
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                await self._store.discard([key.id for key in left])
        except Exception as error:
            extra = fields("keys_left", error=type(error).__name__, keys=len(left))
            log.warning("unused keys could not be deleted; they seal nothing", extra=extra)

    @property
    def _wanted(self) -> int:
        """Keys for which callers wait."""
        return sum(taker.count for taker in self._takers)

    def _look(self) -> None:
        """Begin to make keys when half of them are gone."""
        low = self._takers or 2 * len(self._ready) < self._size
        if low and self._refilling is None and not self._closed:
            self._refilling = asyncio.create_task(self._refill())

    async def _refill(self) -> None:
        self._fit()
        try:
            while self._takers or 4 * len(self._ready) < 3 * self._size:
                missing = self._size + self._wanted - len(self._ready)
                await self._make(min(missing, max(BATCH, self._size // 8, min(self._wanted, LARGEST_BATCH))))
        except Exception as error:
            log.warning("no keys can be made", extra=fields("no_keys", error=type(error).__name__))
            self._fail(error)
        finally:
            self._refilling = None

    def _fit(self) -> None:
        """Let the size follow how soon the pool ran low again."""
        now = asyncio.get_running_loop().time()
        lasted, self._refilled_at = now - self._refilled_at, now
        if lasted < SOON_SECONDS:
            self._size = min(MOST, 2 * self._size)
        elif lasted > LATE_SECONDS:
            self._size = max(LEAST, self._size // 2)

    async def _make(self, count: int) -> None:
        stored = await self._store.create({new_id(): new_key() for _ in range(count)})
        self._ready += [UnusedKey(key_id, secret) for key_id, secret in stored.items()]
        while self._takers and self._takers[0].count <= len(self._ready):
            taker = self._takers.popleft()
            if not taker.keys.done():
                taker.keys.set_result(self._ready[: taker.count])
                del self._ready[: taker.count]

    def _fail(self, error: Exception) -> None:
        """Tell all who wait; the next one who asks tries again."""
        while self._takers:
            taker = self._takers.popleft()
            if not taker.keys.done():
                taker.keys.set_exception(error)
