"""Keys that are stored in advance, many in one write, so that a submit waits for the log only. See docs/decisions/0022.

A key is stored durably before it is handed out, so every stored prompt has its key. An api that stops deletes its
unused keys; an api that crashes leaves keys that seal nothing (at most `MAX_SIZE` and one batch).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from kinolog.ids import new_id
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealer import new_key
from kinolog.process.logs import fields
from kinolog.process.tasks import finish

logger = logging.getLogger(__name__)

MIN_SIZE = 128
"""Keys in the pool at low demand."""

MAX_SIZE = 4_000
"""Keys in the pool at the highest demand."""

BATCH_SIZE = 250
"""Keys stored in one write, unless callers wait for more: generating them blocks the event loop for 4 ms."""

MAX_BATCH_SIZE = 1_000

GROW_WITHIN_SECONDS = 1.0
"""The pool doubles if it runs low again within this time."""

SHRINK_AFTER_SECONDS = 60.0
"""The pool halves if it lasts longer than this."""

CLOSED = "this api is stopping: submit again"

CLOSE_SECONDS = 5.0
"""How long a stopping api may take to delete its unused keys."""


@dataclass(frozen=True, slots=True)
class UnusedKey:
    """A stored key that has sealed nothing yet."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Waiter:
    """A caller that waits for `count` keys."""

    count: int
    keys: asyncio.Future[list[UnusedKey]]


class KeyPool:
    """Hands out stored keys, each once. Refills when half of them are used; its size follows demand."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._ready: list[UnusedKey] = []
        self._waiters: deque[_Waiter] = deque()
        self._size = MIN_SIZE
        self._refilled_at = float("-inf")
        self._refilling: asyncio.Task[None] | None = None
        self._closed = False

    def open(self) -> None:
        """Start to fill the pool."""
        self._refill_if_low()

    async def take(self, count: int = 1) -> list[UnusedKey]:
        """Return `count` keys that no other caller gets. Raises `LogUnavailable` if keys cannot be stored.

        A pool that closes raises it too: nothing would ever answer a caller that waits for it.
        """
        if self._closed:
            raise LogUnavailable(CLOSED)
        if count <= len(self._ready) and not self._waiters:
            taken = self._ready[:count]
            del self._ready[:count]
            self._refill_if_low()
            return taken
        waiter = _Waiter(count, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._refill_if_low()
        try:
            return await waiter.keys
        except asyncio.CancelledError:
            if waiter.keys.done() and not waiter.keys.cancelled() and waiter.keys.exception() is None:
                self.give_back(waiter.keys.result())
            raise

    def give_back(self, keys: Sequence[UnusedKey]) -> None:
        """Return keys to the pool. Only for keys that certainly sealed nothing that is stored."""
        self._ready += keys

    async def close(self) -> None:
        """Delete the unused keys. Keys that cannot be deleted now stay stored and seal nothing."""
        self._closed = True
        if self._refilling is not None:
            await finish(self._refilling, CLOSE_SECONDS)
        self._fail_waiters(LogUnavailable(CLOSED))
        unused, self._ready = self._ready, []
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._store.discard([key.id for key in unused])
        except Exception as error:
            extra = fields("keys_left", error=type(error).__name__, keys=len(unused))
            logger.warning("unused keys could not be deleted; they seal nothing", extra=extra)

    @property
    def _keys_waited_for(self) -> int:
        """Number of keys that callers wait for."""
        return sum(waiter.count for waiter in self._waiters)

    def _refill_if_low(self) -> None:
        """Start a refill when half of the keys are used."""
        low = self._waiters or 2 * len(self._ready) < self._size
        if low and self._refilling is None and not self._closed:
            self._refilling = asyncio.create_task(self._refill())

    async def _refill(self) -> None:
        self._resize()
        try:
            while self._waiters or 4 * len(self._ready) < 3 * self._size:
                missing = self._size + self._keys_waited_for - len(self._ready)
                await self._store_keys(min(missing, self._batch_size()))
        except Exception as error:
            logger.warning("cannot store keys", extra=fields("no_keys", error=type(error).__name__))
            self._fail_waiters(error)
        finally:
            self._refilling = None

    def _batch_size(self) -> int:
        return max(BATCH_SIZE, self._size // 8, min(self._keys_waited_for, MAX_BATCH_SIZE))

    def _resize(self) -> None:
        """Adapt the size to how long the pool lasted since the previous refill."""
        now = asyncio.get_running_loop().time()
        lasted, self._refilled_at = now - self._refilled_at, now
        if lasted < GROW_WITHIN_SECONDS:
            self._size = min(MAX_SIZE, 2 * self._size)
        elif lasted > SHRINK_AFTER_SECONDS:
            self._size = max(MIN_SIZE, self._size // 2)

    async def _store_keys(self, count: int) -> None:
        stored = await self._store.create({new_id(): new_key() for _ in range(count)})
        self._ready += [UnusedKey(key_id, secret) for key_id, secret in stored.items()]
        while self._waiters and self._waiters[0].count <= len(self._ready):
            waiter = self._waiters.popleft()
            if not waiter.keys.done():
                waiter.keys.set_result(self._ready[: waiter.count])
                del self._ready[: waiter.count]

    def _fail_waiters(self, error: Exception) -> None:
        """Raise `error` in all waiting callers. The next caller starts a new refill."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.keys.done():
                waiter.keys.set_exception(error)
