"""All API keys in memory, as the stream ACCESS states them. Calls are authenticated without a read."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress

from kinolog.access.access_log import AccessLog
from kinolog.access.api_key import ApiKey, RecordedAccessCommit, key_after
from kinolog.access.queue_pause import QueuePauses
from kinolog.access.schedule import ScheduleBook
from kinolog.access.verification import VerificationBook
from kinolog.access.webhook_book import WebhookBook
from kinolog.ports.event_store import DamagedLog
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""Pause before the stream is followed again after an error."""


class KeyDirectory:
    """Follows the stream, and tells when a key is revoked. `load` it before the first call, then `run` it."""

    def __init__(self, log: AccessLog) -> None:
        self._log = log
        self._keys: dict[str, ApiKey] = {}
        self._by_digest: dict[bytes, ApiKey] = {}
        self._ends: defaultdict[str, set[Callable[[], None]]] = defaultdict(set)
        self._position = 0
        self._moved = asyncio.Condition()
        self.webhooks = WebhookBook()
        self.schedules = ScheduleBook()
        self.queue_pauses = QueuePauses()
        self.verifications = VerificationBook()
        """The webhooks, the schedules, the pauses of the queue and the comparisons that the same stream states."""
        self.problem = ""
        """Why the keys are not trusted: the stream is damaged, so a revocation may be lost. Empty if they are."""

    async def load(self) -> None:
        """Read all keys. Raises `LogUnavailable`; a damaged stream becomes the `problem`."""
        with suppress(DamagedLog):
            await self._apply_all(self._log.read(self._position))

    async def run(self) -> None:
        """Follow the stream until cancelled or damaged. Raises as `AccessLog.follow`."""
        await self._apply_all(self._log.follow(self._position))

    async def reached(self, position: int) -> None:
        """Wait until the commit at this position is known here."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._position >= position)

    def by_digest(self, digest: bytes) -> ApiKey | None:
        """Return the key with this hash, live or not; None for an unknown one."""
        return self._by_digest.get(digest)

    def by_id(self, key_id: str) -> ApiKey | None:
        """Return the key with this id, live or not; None for an unknown one."""
        return self._keys.get(key_id)

    def all_keys(self) -> Iterable[ApiKey]:
        """Return every key, live or not, oldest first."""
        return self._keys.values()

    def on_revocation(self, key_id: str, end: Callable[[], None]) -> Callable[[], None]:
        """Call `end` when the key is revoked. Return a function that stops that."""
        self._ends[key_id].add(end)

        def stop() -> None:
            self._ends[key_id].discard(end)
            if not self._ends[key_id]:
                del self._ends[key_id]

        return stop

    async def _apply_all(self, commits: AsyncGenerator[Sequence[RecordedAccessCommit], None]) -> None:
        try:
            async with aclosing(commits) as batches:
                async for batch in batches:
                    await self._apply(batch)
        except DamagedLog as damage:
            self._distrust(damage)
            raise

    async def _apply(self, batch: Sequence[RecordedAccessCommit]) -> None:
        """Apply what is new: `load` and `run` may read the same commits, and an old one must not undo a revocation."""
        for recorded in batch:
            if recorded.position <= self._position:
                continue
            self.webhooks.apply(recorded)
            self.schedules.apply(recorded)
            self.queue_pauses.apply(recorded)
            self.verifications.apply(recorded)
            key = key_after(self._keys.get(recorded.commit.key_id), recorded)
            if key is not None:
                self._keys[key.key_id] = self._by_digest[key.digest] = key
                if key.revoked_at is not None:
                    for end in tuple(self._ends.get(key.key_id, ())):
                        end()
            self._position = recorded.position
        async with self._moved:
            self._moved.notify_all()

    def _distrust(self, damage: DamagedLog) -> None:
        if not self.problem:
            logger.error("API keys are not accepted: %s", damage, extra=fields("access_damaged"))
        self.problem = str(damage)
