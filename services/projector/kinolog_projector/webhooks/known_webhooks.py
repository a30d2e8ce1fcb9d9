"""The webhooks as the stream of facts states them, with what follows from the facts in the database.

The keys of schedules, whose facts are in the same stream, are archived with those of webhooks. Without its key the job
of a schedule cannot be read after a restore.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from kinolog.access.access_log import AccessLog
from kinolog.access.api_key import RecordedAccessCommit
from kinolog.access.schedule import ScheduleBook, ScheduleDeleted
from kinolog.access.webhook import RedeliveryRequested, Webhook, WebhookDeleted
from kinolog.access.webhook_book import WebhookBook
from kinolog.ports.clock import Clock
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.readmodel.database import Connection
from kinolog.webhooks.delivery_history import SwitchedOff
from kinolog_projector.projection.key_archive import ArchivedKey
from kinolog_projector.projection.projection_tables import ProjectionTables
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.webhooks.delivery_tables import KEPT, DeliveryTables

KEY_POSITION = 0
"""Where the archive of keys has those of webhooks and schedules: before the first job."""


class KnownWebhooks:
    """All webhooks. `load` it before the first use, then `follow`."""

    def __init__(
        self,
        log: AccessLog,
        keys: ArchivableKeyStore,
        tables: DeliveryTables,
        writer: BatchWriter,
        clock: Clock,
    ) -> None:
        self._log = log
        self._keys = keys
        self._tables = tables
        self._writer = writer
        self._clock = clock
        self._position = 0
        self._lock = asyncio.Lock()
        self._schedules = ScheduleBook()
        self.book = WebhookBook()
        self.off: dict[str, SwitchedOff] = {}

    async def load(self) -> None:
        """Apply what the stream has now. Raises `LogUnavailable`, `DamagedLog`, `psycopg.Error`."""
        if not self._position:
            self.off = await self._tables.switched_off()
        await self._apply_all(self._log.read(self._position))

    async def follow(self, changed: asyncio.Event) -> None:
        """Apply what comes, until cancelled; set `changed` each time. Raises like `load`."""
        await self._apply_all(self._log.follow(self._position), changed)

    async def archive_keys(self) -> None:
        """Copy the wrapped keys of all webhooks and schedules into the archive of keys."""
        async with self._lock:  # a key that is deleted meanwhile must not come back
            schedules = [schedule.schedule_id for schedule in self._schedules.all_schedules()]
            await self._archive([*(webhook.webhook_id for webhook in self.book.all_webhooks()), *schedules])

    def is_off(self, webhook: Webhook) -> bool:
        """Return whether a webhook was switched off, and not changed since."""
        off = self.off.get(webhook.webhook_id)
        return off is not None and off.holds(webhook)

    async def switch_off(self, webhook: Webhook, reason: str) -> None:
        """Call a webhook no more until it is changed. Its pending deliveries fail."""
        off = SwitchedOff(webhook.changed_position, self._clock(), reason)
        await self._tables.switch_off(webhook.webhook_id, webhook.tenant, off)
        self.off[webhook.webhook_id] = off
        await self._tables.end_all(webhook.webhook_id)

    def off_now(self) -> list[str]:
        """Return the ids of the webhooks that are switched off."""
        return [webhook.webhook_id for webhook in self.book.all_webhooks() if self.is_off(webhook)]

    async def _apply_all(
        self,
        commits: AsyncGenerator[Sequence[RecordedAccessCommit], None],
        changed: asyncio.Event | None = None,
    ) -> None:
        async with aclosing(commits) as batches:
            async for batch in batches:
                async with self._lock:
                    for recorded in batch:
                        if recorded.position > self._position:
                            await self._apply(recorded)
                            self._position = recorded.position
                if changed is not None:
                    changed.set()

    async def _apply(self, recorded: RecordedAccessCommit) -> None:
        fact_id = recorded.commit.key_id
        before, schedule = self.book.by_id(fact_id), self._schedules.by_id(fact_id)
        self.book.apply(recorded)
        self._schedules.apply(recorded)
        known = self.book.by_id(fact_id) or self._schedules.by_id(fact_id)
        if known is not None and before is None and schedule is None:
            await self._archive([fact_id])
        for fact in recorded.commit.events:
            match fact:
                case WebhookDeleted() if before is not None:
                    await self._forget(fact_id)
                case ScheduleDeleted() if schedule is not None:
                    await self._delete_key(fact_id)
                case RedeliveryRequested() if self._clock() - recorded.commit.at < KEPT:
                    await self._tables.repeat(fact_id, fact.repeats, fact.delivery_id, recorded.commit.at)
                case _:
                    pass

    async def _forget(self, webhook_id: str) -> None:
        self.off.pop(webhook_id, None)
        await self._tables.forget_off(webhook_id)
        await self._tables.end_all(webhook_id)
        await self._delete_key(webhook_id)

    async def _delete_key(self, key_id: str) -> None:
        async def delete(connection: Connection, _: ProjectionTables) -> None:
            await self._writer.key_archive.delete(connection, [key_id])

        await self._writer.run_exclusively(delete)

    async def _archive(self, key_ids: Sequence[str]) -> None:
        wrapped = await self._keys.get_wrapped(key_ids) if key_ids else {}
        if not wrapped:
            return
        rows = [ArchivedKey(key_id, key, KEY_POSITION) for key_id, key in wrapped.items()]

        async def store(connection: Connection, _: ProjectionTables) -> None:
            await self._writer.key_archive.store(connection, rows)

        await self._writer.run_exclusively(store)
