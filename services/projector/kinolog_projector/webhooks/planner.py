"""Decides which webhooks are told of which events, as the commits of jobs arrive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256

from kinolog.job.commit import RecordedCommit
from kinolog.job.state import Job
from kinolog.ports.clock import Clock
from kinolog.ports.commit_feed import CommitFeed
from kinolog.ports.keys import KeyStore
from kinolog.privacy.master_keys import KeyNotUnwrapped
from kinolog.privacy.sealed_fields import unsealed_webhook
from kinolog.privacy.sealer import UnsealFailed
from kinolog.process.logs import fields
from kinolog.webhooks.address import AddressRules, UnusableAddress, parse_webhook_address
from kinolog.webhooks.events import ENDS
from kinolog.webhooks.foreign_messages import body_in
from kinolog.webhooks.messages import JobNews, news_of
from kinolog_projector.webhooks.delivery_tables import DeliveryTables, PlannedDelivery
from kinolog_projector.webhooks.known_webhooks import KnownWebhooks

logger = logging.getLogger(__name__)

STALE = timedelta(days=3)
"""Nobody is told of older events: a log that was restored, or read from the first commit on, is no news."""


class DeliveryPlanner:
    """Reads the log from where the last planner stopped. A commit may be read twice; its deliveries are the same."""

    def __init__(
        self,
        feed: CommitFeed,
        known: KnownWebhooks,
        tables: DeliveryTables,
        keys: KeyStore,
        rules: Callable[[str], AddressRules],
        clock: Clock,
        public_url: str,
    ) -> None:
        """`rules` returns those of a tenant."""
        self._feed = feed
        self._known = known
        self._tables = tables
        self._keys = keys
        self._rules = rules
        self._clock = clock
        self._public_url = public_url

    async def run(self, planned: asyncio.Event) -> None:
        """Plan until cancelled; set `planned` whenever there is something to deliver.

        Raises `DamagedLog`, `LogUnavailable`, `psycopg.Error`. What is not acknowledged comes again.
        """
        while True:
            batch = await self._feed.take()
            deliveries = await self.deliveries(batch)
            if deliveries:
                await self._tables.add(deliveries, self._clock())
                planned.set()
            await self._feed.acknowledge(batch)

    async def deliveries(self, batch: Sequence[RecordedCommit]) -> list[PlannedDelivery]:
        """Return what the commits mean for webhooks that were made before them."""
        fresh = self._clock() - STALE
        news = [
            (item, recorded.commit.state)
            for recorded in batch
            for item in news_of(recorded.commit)
            if item.at >= fresh
        ]
        if not news:
            return []
        await self._known.load()  # a webhook whose creation was answered before an event is told of it
        return [planned for item, job in news for planned in await self._of_event(item, job)]

    async def _of_event(self, news: JobNews, job: Job) -> list[PlannedDelivery]:
        receivers = [
            (webhook.webhook_id, webhook.webhook_id, webhook.format)
            for webhook in self._known.book.of_tenant(news.tenant)
            if not webhook.is_of_jobs
            and news.type in webhook.events
            and webhook.actor in ("", news.actor)
            and webhook.created_at <= news.at
            and not self._known.is_off(webhook)
        ]
        of_jobs = self._known.book.of_jobs(news.tenant)
        wanted = job.spec.webhook_events or ENDS
        if of_jobs is not None and news.type in wanted and job.spec.webhook is not None and not job.erased:
            address = await self._address(job)
            if address:
                lane = f"{of_jobs.webhook_id}/{self._lane(address, news.tenant)}"
                receivers.append((of_jobs.webhook_id, lane, job.spec.webhook_format))
        bodies = {
            form: body_in(form, news, job, self._public_url) for form in {form for *_, form in receivers}
        }
        return [
            PlannedDelivery(
                webhook_id=webhook_id,
                tenant=news.tenant,
                lane=lane,
                message_id=news.message_id,
                event=news.type.value,
                job_id=news.job_id,
                body=body,
            )
            for webhook_id, lane, form in receivers
            if (body := bodies[form]) is not None
        ]

    async def _address(self, job: Job) -> str:
        """Return the address that a job names; empty if it cannot be read any more."""
        try:
            key = await self._keys.get(job.sealing_key_id)
            return "" if key is None else unsealed_webhook(job, key)
        except (KeyNotUnwrapped, UnsealFailed) as error:
            extra = fields("webhook_unreadable", job=job.id)
            logger.error("the webhook of a job cannot be read: %s", error, extra=extra)
            return ""

    def _lane(self, address: str, tenant: str) -> str:
        """Return the lane of an address: those of one receiver wait for each other. It does not tell the receiver."""
        try:
            receiver = parse_webhook_address(address, self._rules(tenant)).receiver
        except UnusableAddress:
            receiver = ""
        return sha256(receiver.encode()).hexdigest()[:16]
