"""Webhooks, and what became of their calls."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.models.base import ClientModel


class WebhookInfo(ClientModel):
    """A webhook. `address` is empty for the one that signs what single jobs send to the addresses they name."""

    webhook_id: str
    tenant: str = ""
    address: str = ""
    name: str | None = None
    events: tuple[str, ...] = ()
    actor: str = ""
    created_at: datetime | None = None
    created_by: str = ""
    disabled_at: datetime | None = None
    disabled_reason: str = ""
    old_secret_until: datetime | None = None


class WebhookWithSecretInfo(WebhookInfo):
    """A webhook with the secret that signs its calls."""

    secret: str


class WebhookSecretInfo(ClientModel):
    """The secret of a webhook."""

    webhook_id: str
    secret: str


class WebhookListInfo(ClientModel):
    """The webhooks of a tenant, oldest first."""

    webhooks: tuple[WebhookInfo, ...] = ()


class DeletedWebhookInfo(ClientModel):
    """A webhook that is deleted."""

    webhook_id: str


class DeliveryAttemptInfo(ClientModel):
    """One try of a delivery. Without an answer `status_code` is 0, and `error` says why."""

    number: int
    at: datetime | None = None
    status_code: int = 0
    milliseconds: int = 0
    response_bytes: int = 0
    error: str = ""


class DeliveryInfo(ClientModel):
    """One message to one webhook. `state` is pending, delivered or failed."""

    delivery_id: str
    webhook_id: str = ""
    message_id: str = ""
    event: str = ""
    job_id: str = ""
    state: str = ""
    redelivery: bool = False
    created_at: datetime | None = None
    next_at: datetime | None = None
    attempts: tuple[DeliveryAttemptInfo, ...] = ()


class DeliveryListInfo(ClientModel):
    """Deliveries, newest first. `next_cursor` is None on the last page."""

    deliveries: tuple[DeliveryInfo, ...] = ()
    next_cursor: str | None = None


class RedeliveryInfo(ClientModel):
    """A delivery that was asked for."""

    delivery_id: str
