"""Operations about webhooks. Pure. All need a key with the scope admin, and raise `Forbidden` without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kinolog_client.http.operation import API_PREFIX, Operation, model_of
from kinolog_client.models.access import (
    DeletedWebhookInfo,
    DeliveryListInfo,
    RedeliveryInfo,
    WebhookInfo,
    WebhookListInfo,
    WebhookSecretInfo,
    WebhookWithSecretInfo,
)

_ROUTE = f"{API_PREFIX}/webhooks"
_ONE = f"{_ROUTE}/{{webhook_id}}"


def create_webhook(
    address: str,
    *,
    name: str = "",
    events: Sequence[str] = (),
    actor: str = "",
    tenant: str = "",
    message_format: str = "kinolog",
) -> Operation[WebhookWithSecretInfo]:
    """Create a webhook. The answer has the secret that signs its calls. Raises `InvalidRequest` for its address.

    Without events it is called when jobs end, and without an actor for all jobs of the tenant. `message_format` is the
    form of its messages: kinolog, openai, replicate or fal.
    """
    body = _values(address, name, events, actor, message_format) | {"tenant": tenant}
    return Operation(
        method="POST",
        route=_ROUTE,
        body=body,
        repeatable=False,
        read=model_of(WebhookWithSecretInfo),
    )


def webhooks(*, tenant: str = "") -> Operation[WebhookListInfo]:
    """Return the webhooks of a tenant, oldest first."""
    params = {"tenant": tenant} if tenant else {}
    return Operation(method="GET", route=_ROUTE, params=params, read=model_of(WebhookListInfo))


def change_webhook(
    webhook_id: str,
    address: str,
    *,
    name: str = "",
    events: Sequence[str] = (),
    actor: str = "",
    message_format: str = "kinolog",
) -> Operation[WebhookInfo]:
    """Replace all values of a webhook. One that is switched off is switched on. Raises `NotFound`."""
    return Operation(
        method="PUT",
        route=_ONE,
        path_values={"webhook_id": webhook_id},
        body=_values(address, name, events, actor, message_format),
        read=model_of(WebhookInfo),
    )


def delete_webhook(webhook_id: str) -> Operation[DeletedWebhookInfo]:
    """Delete a webhook with its address and its secret, for good. Raises `NotFound`."""
    return Operation(
        method="DELETE", route=_ONE, path_values={"webhook_id": webhook_id}, read=model_of(DeletedWebhookInfo)
    )


def job_webhook_secret() -> Operation[WebhookSecretInfo]:
    """Return the secret that signs calls of the addresses that jobs of the caller's tenant name."""
    return Operation(method="GET", route=f"{_ROUTE}/secret", read=model_of(WebhookSecretInfo))


def webhook_secret(webhook_id: str) -> Operation[WebhookSecretInfo]:
    """Return the secret that signs the calls of a webhook. Raises `NotFound`."""
    return Operation(
        method="GET",
        route=f"{_ONE}/secret",
        path_values={"webhook_id": webhook_id},
        read=model_of(WebhookSecretInfo),
    )


def rotate_webhook_secret(
    webhook_id: str, *, overlap_seconds: int | None = None
) -> Operation[WebhookWithSecretInfo]:
    """Make a new secret. Calls are signed with both for a day, or for `overlap_seconds`. Raises `NotFound`."""
    body: dict[str, Any] = {} if overlap_seconds is None else {"overlap_seconds": overlap_seconds}
    return Operation(
        method="POST",
        route=f"{_ONE}/rotate",
        path_values={"webhook_id": webhook_id},
        body=body,
        repeatable=False,
        read=model_of(WebhookWithSecretInfo),
    )


def deliveries(
    webhook_id: str, *, state: str | None = None, limit: int = 100, cursor: str | None = None
) -> Operation[DeliveryListInfo]:
    """Return the deliveries of a webhook with their tries, newest first. Raises `NotFound`."""
    params = {"state": state or "", "limit": str(limit), "cursor": cursor or ""}
    return Operation(
        method="GET",
        route=f"{_ONE}/deliveries",
        path_values={"webhook_id": webhook_id},
        params={name: value for name, value in params.items() if value},
        read=model_of(DeliveryListInfo),
    )


def redeliver(webhook_id: str, delivery_id: str) -> Operation[RedeliveryInfo]:
    """Send the message of a delivery again, with the same id. Raises `NotFound`."""
    return Operation(
        method="POST",
        route=f"{_ONE}/deliveries/{{delivery_id}}/redeliver",
        path_values={"webhook_id": webhook_id, "delivery_id": delivery_id},
        repeatable=False,
        read=model_of(RedeliveryInfo),
    )


def _values(
    address: str, name: str, events: Sequence[str], actor: str, message_format: str
) -> dict[str, Any]:
    """Return the values of a webhook. The usual format is left out: earlier gateways do not know the field."""
    values = {"address": address, "name": name, "events": list(events), "actor": actor}
    return values if message_format == "kinolog" else values | {"format": message_format}
