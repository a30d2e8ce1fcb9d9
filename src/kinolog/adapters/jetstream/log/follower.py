"""Follow a stream of commits by live copies, and read the stream whenever they have a gap. See docs/decisions/0020.

The server republishes each stored commit, those of EVENTS to `live.evt.job.*`. Copies are lost while disconnected and
when this process is slow. So a copy counts only if it is the next position. Otherwise, after a reconnect, and every
`CHECK_SECONDS` without a copy, the stream is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Generic

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, log_unavailable
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage
from kinolog.adapters.jetstream.log.log_reader import CommitStreamReader, CommitT
from kinolog.ports.event_store import LogUnavailable

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
MAX_LIVE_COPIES = 2_000
"""Live copies that are buffered for a slow caller; it reads older ones from the stream."""


class _LiveCopies(Generic[CommitT]):
    """The latest live copies, in the order of arrival."""

    def __init__(self, decode: Callable[[StoredMessage], CommitT]) -> None:
        self._decode = decode
        self._copies: deque[StoredMessage] = deque(maxlen=MAX_LIVE_COPIES)
        self._arrived = asyncio.Event()

    async def add(self, message: Msg) -> None:
        """Add a copy. Callback of the subscription."""
        headers = message.headers or {}
        self._copies.append(
            StoredMessage(headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data)
        )
        self._arrived.set()

    async def wait(self, seconds: float) -> None:
        """Wait for a copy, at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()

    def take_after(self, after: int) -> list[CommitT] | None:
        """Return the copies that follow `after` without a gap; None if there is a gap, so the stream must be read."""
        self._arrived.clear()
        copies = [copy for copy in self._copies if copy.position > after]
        self._copies.clear()
        if not copies:
            return []
        contiguous = all(copy.position == after + number for number, copy in enumerate(copies, start=1))
        return list(map(self._decode, copies)) if contiguous else None


async def follow(log: CommitStreamReader[CommitT], after: int) -> AsyncGenerator[Sequence[CommitT], None]:
    """Yield all commits after `after` in batches, without end. Raises `DamagedLog` if the log ends before `after`."""
    live = _LiveCopies(log.decode)
    subscription = await _subscribe(log, live)
    try:
        while True:
            async with aclosing(_catch_up(log, after)) as batches:
                async for batch in batches:
                    after = batch[-1].position
                    yield batch
            while True:
                await live.wait(CHECK_SECONDS)
                copies = live.take_after(after)
                if not copies:
                    break
                after = copies[-1].position
                yield copies
    finally:
        if not log.client.is_closed:
            await subscription.unsubscribe()


async def _subscribe(log: CommitStreamReader[CommitT], live: _LiveCopies[CommitT]) -> Subscription:
    try:
        return await log.client.subscribe(log.live_subjects, cb=live.add)
    except NO_ANSWER as error:
        raise log_unavailable("following the log", error) from error


async def _catch_up(log: CommitStreamReader[CommitT], after: int) -> AsyncGenerator[Sequence[CommitT], None]:
    """Yield what the stream holds after `after` now; nothing, after the retries, if the log is unavailable."""
    try:
        last = await log.last_position(at_least=after)
        async with aclosing(log.between(after, last)) as batches:
            async for batch in batches:
                yield batch
    except LogUnavailable as unavailable:
        logger.warning("the log is unavailable, retrying: %s", unavailable)
