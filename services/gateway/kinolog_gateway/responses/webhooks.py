"""Webhooks and their deliveries in REST responses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from kinolog.v1 import webhook_service_pb2 as pb
from kinolog_gateway.enum_names import (
    StatusName,
    WebhookEventName,
    delivery_state_name,
    time_field,
    to_datetime,
)
from kinolog_gateway.responses.job_parts import ResponseModel


class WebhookView(ResponseModel):
    """A webhook, without its secret."""

    webhook_id: str = Field(examples=["wh_abcdefghij234567"])
    tenant: str = Field(description="The tenant about whose jobs it is told.")
    address: str = Field(description="Empty for the one that signs what single jobs send.")
    name: str = Field(description="A name for people; may be empty.")
    events: list[str] = Field(description="What it is called for.")
    actor: str = Field(description="Whose jobs it is called for; empty for all.")
    format: str = Field(description="Form of its messages: kinolog, openai, replicate or fal.")
    created_at: datetime
    created_by: str = Field(description="The actor who created it.")
    disabled_at: datetime | None = Field(description="When it was switched off; null while it is called.")
    disabled_reason: str = Field(description="Why it was switched off; empty while it is called.")
    old_secret_until: datetime | None = Field(
        description="Until when calls are signed with the secret before too; null for none."
    )


class WebhookWithSecretView(WebhookView):
    """A webhook with the secret that signs its calls."""

    secret: str = Field(description="whsec_ and base64, as Standard Webhooks writes it.")


class WebhookSecretView(ResponseModel):
    """The secret of a webhook."""

    webhook_id: str
    secret: str = Field(description="whsec_ and base64, as Standard Webhooks writes it.")


class WebhookListView(ResponseModel):
    """The webhooks of a tenant, oldest first."""

    webhooks: list[WebhookView]


class DeletedWebhookView(ResponseModel):
    """A webhook that is deleted."""

    webhook_id: str


class DeliveryAttemptView(ResponseModel):
    """One try of a delivery."""

    number: int = Field(description="From 1.")
    at: datetime = Field(description="When it ended.")
    status_code: int = Field(description="Status of the answer, of HTTP or SMTP; 0 without one.")
    milliseconds: int = Field(description="How long it took.")
    response_bytes: int = Field(description="Bytes of the answer that were read. They are not stored.")
    error: str = Field(description="Why there was no answer, or what the mail server refused.")


class DeliveryView(ResponseModel):
    """One message to one webhook."""

    delivery_id: str
    webhook_id: str
    message_id: str = Field(description="The header webhook-id of each call.")
    event: str = Field(description="What it is about.")
    job_id: str
    state: str = Field(description="pending, delivered or failed.")
    redelivery: bool = Field(description="Whether it was asked for after another delivery of the message.")
    created_at: datetime
    next_at: datetime | None = Field(description="When it is tried next; null unless it is pending.")
    attempts: list[DeliveryAttemptView] = Field(description="The tries, oldest first.")


class DeliveryListView(ResponseModel):
    """Deliveries, newest first."""

    deliveries: list[DeliveryView]
    next_cursor: str | None = Field(description="Cursor of the next page; null after the last.")


class RedeliveryView(ResponseModel):
    """A delivery that was asked for."""

    delivery_id: str = Field(description="The id of the new delivery.")


class WebhookMessageLinks(ResponseModel):
    """Where to read more. Whoever follows a link needs an API key."""

    status: str
    page: str = Field(description="The page of the job.")
    result: str | None = Field(None, description="Only in job.completed.")
    video: str | None = Field(None, description="Only in job.completed.")


class WebhookMessageData(ResponseModel):
    """What happened to which job. It has no word of a user."""

    job_id: str
    status: StatusName
    attempt: int
    links: WebhookMessageLinks
    error_code: str | None = Field(None, description="Why the job failed; only in job.failed.")


class WebhookMessage(ResponseModel):
    """What a webhook is told of an event, in the format kinolog."""

    id: str = Field(description="The header webhook-id: the same in every call about the event.")
    type: WebhookEventName
    timestamp: datetime = Field(description="When it happened.")
    data: WebhookMessageData


def webhook_fields(webhook: pb.Webhook) -> dict[str, Any]:
    """Return the fields of a view of a webhook."""
    return {
        "webhook_id": webhook.webhook_id,
        "tenant": webhook.tenant,
        "address": webhook.address,
        "name": webhook.name,
        "events": list(webhook.events),
        "actor": webhook.actor,
        "format": webhook.format,
        "created_at": time_field(webhook, "created_at"),
        "created_by": webhook.created_by,
        "disabled_at": time_field(webhook, "disabled_at"),
        "disabled_reason": webhook.disabled_reason,
        "old_secret_until": time_field(webhook, "old_secret_until"),
    }


def delivery_view(delivery: pb.Delivery) -> DeliveryView:
    """Return a delivery with its tries."""
    attempts = [
        DeliveryAttemptView(
            number=attempt.number,
            at=to_datetime(attempt.at),
            status_code=attempt.status_code,
            milliseconds=attempt.milliseconds,
            response_bytes=attempt.response_bytes,
            error=attempt.error,
        )
        for attempt in delivery.attempts
    ]
    return DeliveryView(
        delivery_id=delivery.delivery_id,
        webhook_id=delivery.webhook_id,
        message_id=delivery.message_id,
        event=delivery.event,
        job_id=delivery.job_id,
        state=delivery_state_name(delivery.state),
        redelivery=delivery.redelivery,
        created_at=to_datetime(delivery.created_at),
        next_at=time_field(delivery, "next_at"),
        attempts=attempts,
    )
