"""Encode and decode tickets. Model class and priority are in the subject."""

from __future__ import annotations

from kinolog.codec.times import time_from_proto, time_to_proto
from kinolog.job.values import Priority
from kinolog.ports.tickets import Ticket
from kinolog.v1 import event_pb2 as ev


def encode_ticket(ticket: Ticket) -> bytes:
    """Return the message to store."""
    wire = ev.Ticket(
        job_id=ticket.job_id,
        position=ticket.position,
        attempt=ticket.attempt,
        prefetch=ticket.prefetch,
        tenant=ticket.tenant,
        goes_first=ticket.goes_first,
    )
    if ticket.not_before is not None:
        time_to_proto(wire.not_before, ticket.not_before)
    if ticket.created_at is not None:
        time_to_proto(wire.created_at, ticket.created_at)
    return wire.SerializeToString()


def decode_ticket(raw: bytes, model_class: str, priority: Priority) -> Ticket:
    """Return the ticket in a message. Raises google.protobuf.message.DecodeError."""
    wire = ev.Ticket.FromString(raw)
    return Ticket(
        job_id=wire.job_id,
        position=wire.position,
        attempt=wire.attempt,
        model_class=model_class,
        priority=priority,
        not_before=time_from_proto(wire.not_before) if wire.HasField("not_before") else None,
        prefetch=wire.prefetch,
        tenant=wire.tenant,
        created_at=time_from_proto(wire.created_at) if wire.HasField("created_at") else None,
        goes_first=wire.goes_first,
    )
