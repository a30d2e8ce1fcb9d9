"""The webhooks of the recording api."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kinolog.v1 import webhook_service_pb2 as pb
from tests.unit.gateway import canned

WEBHOOK_ID = "wh_" + "a" * 16
DELIVERY_ID = "dlv_" + "a" * 26
SECRET = "whsec_c2VjcmV0"


def webhook(address: str = "https://example.org/hook", **fields: Any) -> pb.Webhook:
    """Return a webhook of a tenant."""
    return pb.Webhook(
        webhook_id=WEBHOOK_ID,
        tenant="default",
        address=address,
        created_at=canned.at(1),
        created_by="ada",
        **{"events": ["job.completed"]} | fields,
    )


def delivery() -> pb.Delivery:
    """Return a delivery that is tried again."""
    attempt = pb.DeliveryAttempt(number=1, at=canned.at(3), status_code=503, milliseconds=20)
    return pb.Delivery(
        delivery_id=DELIVERY_ID,
        webhook_id=WEBHOOK_ID,
        message_id="msg_1",
        event="job.completed",
        job_id="a" * 26,
        state=pb.DELIVERY_STATE_PENDING,
        created_at=canned.at(2),
        next_at=canned.at(8),
        attempts=[attempt],
    )


def _shown(request: Any) -> pb.Webhook:
    return webhook(request.address, name=request.name, events=list(request.events), actor=request.actor)


WEBHOOKS: dict[str, Callable[..., Any]] = {
    "CreateWebhook": lambda api, request: pb.CreateWebhookResponse(webhook=_shown(request), secret=SECRET),
    "ListWebhooks": lambda api, request: pb.ListWebhooksResponse(webhooks=[webhook()]),
    "ChangeWebhook": lambda api, request: pb.ChangeWebhookResponse(webhook=_shown(request)),
    "RotateWebhookSecret": lambda api, request: pb.RotateWebhookSecretResponse(
        webhook=webhook(), secret=SECRET
    ),
    "GetWebhookSecret": lambda api, request: pb.GetWebhookSecretResponse(
        webhook_id=WEBHOOK_ID, secret=SECRET
    ),
    "DeleteWebhook": lambda api, request: pb.DeleteWebhookResponse(),
    "ListDeliveries": lambda api, request: pb.ListDeliveriesResponse(
        deliveries=[delivery()], next_page_token="more"
    ),
    "Redeliver": lambda api, request: pb.RedeliverResponse(delivery_id=DELIVERY_ID),
}
"""The answers of WebhookService."""
