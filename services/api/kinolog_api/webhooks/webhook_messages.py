"""Webhooks and their deliveries as the api shows them."""

from __future__ import annotations

from datetime import datetime

from kinolog.access.webhook import Webhook
from kinolog.codec.times import time_to_proto
from kinolog.v1 import webhook_service_pb2 as pb
from kinolog.webhooks.delivery_history import DeliveryStatus, StoredDelivery, SwitchedOff
from kinolog.webhooks.formats import WebhookFormat

STATUS_TO_PROTO: dict[DeliveryStatus, pb.DeliveryState.ValueType] = {
    status: pb.DeliveryState.Value(f"DELIVERY_STATE_{status.name}") for status in DeliveryStatus
}
STATUS_FROM_PROTO: dict[int, DeliveryStatus] = {number: status for status, number in STATUS_TO_PROTO.items()}


def webhook_to_proto(webhook: Webhook, address: str, off: SwitchedOff | None, now: datetime) -> pb.Webhook:
    """Return a webhook, without its secret. One that was changed after it was switched off is on."""
    wire = pb.Webhook(
        webhook_id=webhook.webhook_id,
        tenant=webhook.tenant,
        address=address,
        name=webhook.name,
        events=sorted(webhook.events),
        actor=webhook.actor,
        created_by=webhook.created_by,
        format=webhook.format or WebhookFormat.KINOLOG,
    )
    time_to_proto(wire.created_at, webhook.created_at)
    if off is not None and off.holds(webhook):
        time_to_proto(wire.disabled_at, off.at)
        wire.disabled_reason = off.reason
    if webhook.old_until is not None and now < webhook.old_until:
        time_to_proto(wire.old_secret_until, webhook.old_until)
    return wire


def delivery_to_proto(delivery: StoredDelivery) -> pb.Delivery:
    """Return a delivery with its tries."""
    wire = pb.Delivery(
        delivery_id=delivery.delivery_id,
        webhook_id=delivery.webhook_id,
        message_id=delivery.message_id,
        event=delivery.event,
        job_id=delivery.job_id,
        state=STATUS_TO_PROTO[delivery.status],
        redelivery=delivery.redelivery,
    )
    time_to_proto(wire.created_at, delivery.created_at)
    if delivery.next_at is not None:
        time_to_proto(wire.next_at, delivery.next_at)
    for one in delivery.tries:
        attempt = wire.attempts.add(
            number=one.number,
            status_code=one.status_code,
            milliseconds=one.milliseconds,
            response_bytes=one.response_bytes,
            error=one.error,
        )
        time_to_proto(attempt.at, one.at)
    return wire
