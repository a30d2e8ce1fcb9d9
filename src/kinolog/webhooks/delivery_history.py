"""Port: what became of the calls of webhooks, and which webhooks are switched off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from kinolog.access.webhook import Webhook


class DeliveryStatus(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTry:
    """One try. Without an answer `status_code` is 0, and `error` says why."""

    number: int
    at: datetime
    status_code: int
    milliseconds: int
    response_bytes: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """One message to one webhook. `next_at` is None unless it is pending."""

    delivery_id: str
    webhook_id: str
    message_id: str
    event: str
    job_id: str
    status: DeliveryStatus
    created_at: datetime
    next_at: datetime | None
    redelivery: bool
    tries: Sequence[DeliveryTry] = ()


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """When and why a webhook was switched off, and the position of its last change then: a later one ends it."""

    position: int
    at: datetime
    reason: str

    def holds(self, webhook: Webhook) -> bool:
        """Return whether the webhook was not changed since."""
        return self.position >= webhook.changed_position


@dataclass(frozen=True, slots=True)
class DeliveryCursor:
    """The last delivery of a page."""

    created_at: datetime
    delivery_id: str


class WebhookHistory(Protocol):
    """Reads what the projector has noted of a tenant. Every method raises `ReadModelUnavailable`."""

    async def deliveries(
        self,
        tenant: str,
        webhook_id: str,
        limit: int,
        after: DeliveryCursor | None = None,
        status: DeliveryStatus | None = None,
    ) -> Sequence[StoredDelivery]:
        """Return deliveries with their tries, newest first; those that follow `after`."""
        ...

    async def delivery(self, tenant: str, delivery_id: str) -> StoredDelivery | None:
        """Return a delivery without its tries; None for an unknown one."""
        ...

    async def switched_off(self, tenant: str, webhook_ids: Sequence[str]) -> Mapping[str, SwitchedOff]:
        """Return which of these webhooks were switched off."""
        ...
