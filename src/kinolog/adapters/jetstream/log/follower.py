"""Following the log: live copies while they come without a gap, reads of the stream whenever they do not.

The server republishes each commit to `live.evt.job.*` once it is stored. Those copies may be lost (while
disconnected, or when this side is slow), so each is taken only when it is the next position; otherwise, after a
reconnect, and every `CHECK_SECONDS` while nothing comes, the stream itself is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage
from kinolog.adapters.jetstream.log.log_reader import LogReader, decoded
from kinolog.job.commit import Recorded
from kinolog.ports.event_store import LogUnavailable

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
LIVE_LIMIT = 2_000
"""Most live copies kept for a slow caller; the rest it reads from the stream."""


class _LiveCopies:
    """The latest live copies, in the order in which they came."""

    def __init__(self) -> None:
        self._copies: deque[StoredMessage] = deque(maxlen=LIVE_LIMIT)
        self._arrived = asyncio.Event()

    async def take(self, message: Msg) -> None:
        """Callback of the subscription."""
        headers = message.headers or {}
        self._copies.append(
            StoredMessage(headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data)
        )
        self._arrived.set()

    async def wait(self, seconds: float) -> None:
        """Return when there are copies, or after `seconds`."""
        try:
            await asyncio.wait_for(self._arrived.wait(), seconds)
        except TimeoutError:
            return

    def next(self, after: int) -> list[Recorded] | None:
        """The copies that continue `after` without a gap; None when only the stream can tell what comes next."""
        self._arrived.clear()
        copies = [copy for copy in self._copies if copy.position > after]
        self._copies.clear()
        if not copies:
            return []
        contiguous = all(copy.position == after + number for number, copy in enumerate(copies, start=1))
        return list(map(decoded, copies)) if contiguous else None


async def follow(client: Client, log: LogReader, after: int) -> AsyncIterator[Sequence[Recorded]]:
    """All commits behind `after`, in batches, for ever. Raises `DamagedLog` when the log ends before `after`."""
    live = _LiveCopies()
    subscription = await _subscribe(client, live)
    try:
        while True:
            async for batch in _catch_up(log, after):
                after = batch[-1].position
                yield batch
            while True:
                await live.wait(CHECK_SECONDS)
                copies = live.next(after)
                if not copies:
                    break
                after = copies[-1].position
                yield copies
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


async def _subscribe(client: Client, live: _LiveCopies) -> Subscription:
    try:
        return await client.subscribe(subjects.LIVE_SUBJECTS, cb=live.take)
    except NO_ANSWER as error:
        raise LogUnavailable(f"following the log: {str(error) or type(error).__name__}") from error


async def _catch_up(log: LogReader, after: int) -> AsyncIterator[Sequence[Recorded]]:
    """What the stream holds behind `after` now; nothing, after a while, when it cannot be reached."""
    try:
        async for batch in log.between(after, await log.last_position(at_least=after)):
            yield batch
    except LogUnavailable as unavailable:
        logger.warning("cannot read the log, trying on: %s", unavailable)
