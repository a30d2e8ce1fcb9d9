"""API keys, webhooks, and who the caller is."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.models.base import ClientModel


class ApiKeyInfo(ClientModel):
    """An API key that a server created, without the key itself. A tenant of `*` stands for every tenant."""

    key_id: str
    name: str | None = None
    tenant: str = ""
    actor: str = ""
    scopes: tuple[str, ...] = ()
    created_at: datetime | None = None
    created_by: str = ""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""


class CreatedKeyInfo(ApiKeyInfo):
    """An API key that was just created. `secret` is the key itself: no later answer has it."""

    secret: str


class ApiKeyListInfo(ClientModel):
    """API keys, newest first. `next_cursor` is None on the last page."""

    keys: tuple[ApiKeyInfo, ...] = ()
    next_cursor: str | None = None


class CallerInfo(ClientModel):
    """As whom a caller is known, and what it may do. `key_id` is empty without a key that the server created."""

    tenant: str
    actor: str
    scopes: tuple[str, ...] = ()
    key_id: str = ""
    every_tenant: bool = False
    expires_at: datetime | None = None


class WebhookInfo(ClientModel):
    """A webhook. `address` is empty for the one that signs what single jobs send to the addresses they name."""

    webhook_id: str
    tenant: str = ""
    address: str = ""
    name: str | None = None
    events: tuple[str, ...] = ()
    actor: str = ""
    format: str = "kinolog"
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
