"""Facts about webhooks and schedules: the domain, and the bytes in the stream ACCESS."""

from __future__ import annotations

from kinolog.access.queue_pause import QueueFact, QueuePaused, QueueResumed
from kinolog.access.schedule import (
    ScheduleCreated,
    ScheduleDeleted,
    ScheduleFact,
    SchedulePaused,
    ScheduleResumed,
)
from kinolog.access.webhook import (
    RedeliveryRequested,
    SealedText,
    WebhookChanged,
    WebhookCreated,
    WebhookDeleted,
    WebhookFact,
    WebhookSecretRotated,
)
from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.v1 import access_pb2 as pb
from kinolog.v1 import event_pb2 as ev


def webhook_fact_to_proto(fact: WebhookFact) -> pb.AccessEvent:
    """Return the event to store."""
    match fact:
        case WebhookCreated():
            created = pb.WebhookCreated(
                tenant=fact.tenant,
                address=_sealed(fact.address) if fact.address else None,
                secret=_sealed(fact.secret),
                name=fact.name,
                events=sorted(fact.events),
                actor=fact.actor,
                format=fact.format,
            )
            return pb.AccessEvent(webhook_created=created)
        case WebhookChanged():
            changed = pb.WebhookChanged(
                address=_sealed(fact.address),
                name=fact.name,
                events=sorted(fact.events),
                actor=fact.actor,
                format=fact.format,
            )
            return pb.AccessEvent(webhook_changed=changed)
        case WebhookSecretRotated():
            rotated = pb.WebhookSecretRotated(secret=_sealed(fact.secret))
            time_to_proto(rotated.old_until, fact.old_until)
            return pb.AccessEvent(webhook_secret_rotated=rotated)
        case WebhookDeleted():
            return pb.AccessEvent(webhook_deleted=pb.WebhookDeleted())
        case RedeliveryRequested():
            again = pb.RedeliveryRequested(delivery_id=fact.delivery_id, repeats=fact.repeats)
            return pb.AccessEvent(redelivery_requested=again)


def webhook_fact_from_proto(wire: pb.AccessEvent) -> WebhookFact | None:
    """Return the fact in a stored event; None for one of another kind."""
    match wire.WhichOneof("kind"):
        case "webhook_created":
            created = wire.webhook_created
            return WebhookCreated(
                tenant=created.tenant,
                address=_unpacked(created.address) if created.HasField("address") else None,
                secret=_unpacked(created.secret),
                name=created.name,
                events=frozenset(created.events),
                actor=created.actor,
                format=created.format,
            )
        case "webhook_changed":
            changed = wire.webhook_changed
            return WebhookChanged(
                address=_unpacked(changed.address),
                name=changed.name,
                events=frozenset(changed.events),
                actor=changed.actor,
                format=changed.format,
            )
        case "webhook_secret_rotated":
            rotated = wire.webhook_secret_rotated
            return WebhookSecretRotated(
                secret=_unpacked(rotated.secret), old_until=time_from_proto(rotated.old_until)
            )
        case "webhook_deleted":
            return WebhookDeleted()
        case "redelivery_requested":
            again = wire.redelivery_requested
            return RedeliveryRequested(delivery_id=again.delivery_id, repeats=again.repeats)
    return None


def schedule_fact_to_proto(fact: ScheduleFact) -> pb.AccessEvent:
    """Return the event to store."""
    match fact:
        case ScheduleCreated():
            created = pb.ScheduleCreated(
                tenant=fact.tenant,
                name=fact.name,
                cron=fact.cron,
                zone=fact.zone,
                catch_up=fact.catch_up,
                job=_sealed(fact.job),
            )
            return pb.AccessEvent(schedule_created=created)
        case SchedulePaused():
            return pb.AccessEvent(schedule_paused=pb.SchedulePaused())
        case ScheduleResumed():
            return pb.AccessEvent(schedule_resumed=pb.ScheduleResumed())
        case ScheduleDeleted():
            return pb.AccessEvent(schedule_deleted=pb.ScheduleDeleted())


def schedule_fact_from_proto(wire: pb.AccessEvent) -> ScheduleFact | None:
    """Return the fact in a stored event; None for one of another kind."""
    match wire.WhichOneof("kind"):
        case "schedule_created":
            created = wire.schedule_created
            return ScheduleCreated(
                tenant=created.tenant,
                name=created.name,
                cron=created.cron,
                zone=created.zone,
                catch_up=created.catch_up,
                job=_unpacked(created.job),
            )
        case "schedule_paused":
            return SchedulePaused()
        case "schedule_resumed":
            return ScheduleResumed()
        case "schedule_deleted":
            return ScheduleDeleted()
        case _:
            return None


def queue_fact_to_proto(fact: QueueFact) -> pb.AccessEvent:
    """Return the event to store."""
    if isinstance(fact, QueuePaused):
        return pb.AccessEvent(queue_paused=pb.QueuePaused(reason=fact.reason))
    return pb.AccessEvent(queue_resumed=pb.QueueResumed())


def queue_fact_from_proto(wire: pb.AccessEvent) -> QueueFact | None:
    """Return the fact in a stored event; None for one of another kind."""
    match wire.WhichOneof("kind"):
        case "queue_paused":
            return QueuePaused(reason=wire.queue_paused.reason)
        case "queue_resumed":
            return QueueResumed()
        case _:
            return None


def _sealed(text: SealedText) -> ev.Sealed:
    return ev.Sealed(nonce=text.nonce, ciphertext=text.ciphertext)


def _unpacked(wire: ev.Sealed) -> SealedText:
    return SealedText(nonce=wire.nonce, ciphertext=wire.ciphertext)
