"""Tickets in JetStream: one message per job in the work queue WORK, the lane in its subject.

A subject holds one message, and a new one replaces it. So every publish states the message that it expects: none, or
the older one that it replaces. Of two tickets the one with the later position in the log stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from google.protobuf.message import DecodeError
from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import (
    CONSUMER_NOT_FOUND,
    WRONG_LAST_SEQUENCE,
    JetStreamApiError,
    api_request,
    purge,
)
from kinolog.adapters.jetstream.client.appender import LIMITS, Appender
from kinolog.adapters.jetstream.client.leader_read import last_at_leader
from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish
from kinolog.adapters.jetstream.client.request_inbox import RequestInbox
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage, StoredMessageReader
from kinolog.codec.tickets import decode_ticket, encode_ticket
from kinolog.grouped_calls import GroupedCalls
from kinolog.job.values import Priority
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.tickets import Ticket
from kinolog.scheduling.lane_choice import PREFETCH_LANE

logger = logging.getLogger(__name__)

RETRY_TIMEOUT_SECONDS = 10.0
"""How long the issue of a first ticket retries while the queue does not answer."""

ISSUE_TRIES = 8
"""Tries to store a ticket when others are stored or removed in the meantime."""

_PRIORITY_OF_LANE = {str(priority.rank): priority for priority in Priority}
_PRIORITY_OF_DEFERRED = {subjects.deferred(priority.rank): priority for priority in Priority}
_PRIORITY_OF_TOKEN = _PRIORITY_OF_LANE | _PRIORITY_OF_DEFERRED


class JetStreamTicketIssuer:
    """Stores tickets in WORK and removes them."""

    def __init__(self, client: Client, *, retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.WORK)
        appender = Appender(
            client=client,
            stream=subjects.WORK,
            reader=self._reader,
            tail_at_leader=True,
            retry_timeout_seconds=retry_timeout_seconds,
        )
        self._first_tickets = GroupedCalls(appender.store, appender.store_first, LIMITS)

    async def issue(self, ticket: Ticket, *, first: bool = False) -> None:
        if first:
            await self._issue_first(ticket)
            return
        queued = await self._queued(ticket)
        if any(ticket_or_oldest(stored).position >= ticket.position for stored in queued):
            return
        subject = subject_of(ticket)
        if await self._store(subject, ticket, next((s.position for s in queued if s.subject == subject), 0)):
            await asyncio.gather(
                *(self._remove(s.subject, s.position) for s in queued if s.subject != subject)
            )

    async def withdraw(self, job_id: str) -> None:
        await purge(self._client, subjects.WORK, {"filter": subjects.work_of_job(job_id)})

    async def outstanding(self) -> dict[str, Ticket]:
        found: dict[str, Ticket] = {}
        async for stored in self._reader.all_messages():
            ticket = readable_ticket(stored)
            if ticket is not None and not ticket.prefetch:
                found[ticket.job_id] = ticket
        return found

    async def undeliverable(self) -> set[str]:
        lanes: dict[str, dict[str, int]] = {}
        async for stored in self._reader.all_messages():
            _, model_class, lane, job_id = stored.subject.split(".")
            if lane in _PRIORITY_OF_LANE:
                lanes.setdefault(subjects.work_consumer(model_class, lane), {})[job_id] = stored.position
        found: set[str] = set()
        for consumer, positions in lanes.items():
            found |= await self._undeliverable(consumer, positions)
        return found

    async def _undeliverable(self, consumer: str, positions: Mapping[str, int]) -> set[str]:
        """Return the jobs of a lane that were delivered, if there are more than the consumer still waits for."""
        info = await lane_info(self._client, consumer)
        if info is None:
            return set()
        delivered = {job_id for job_id, at in positions.items() if at <= info["delivered"]["stream_seq"]}
        return delivered if len(delivered) > info["num_ack_pending"] else set()

    async def close(self) -> None:
        """Finish the writes that have started and close the inbox."""
        await self._first_tickets.close()
        await self._reader.close()

    async def _issue_first(self, ticket: Ticket) -> None:
        """Store a ticket where none is expected. Many at once are stored as one batch."""
        subject = subject_of(ticket)
        outcome = await self._first_tickets.submit(OutgoingWrite(subject=subject, data=encode_ticket(ticket)))
        if not isinstance(outcome, int) and ticket_or_oldest(outcome).position < ticket.position:
            await self._store(subject, ticket, outcome.position)

    async def _store(self, subject: str, ticket: Ticket, expected: int) -> bool:
        """Store the ticket unless a later one is stored. Return whether it was stored. Raises `LogUnavailable`."""
        write = OutgoingWrite(subject=subject, data=encode_ticket(ticket), expected=expected)
        _, is_stored = await store_ticket(self._client, self._reader.inbox, ticket, write)
        return is_stored

    async def _queued(self, ticket: Ticket) -> list[StoredMessage]:
        """Return the messages with tickets of the same job and kind."""
        lanes: Iterable[str] = [PREFETCH_LANE] if ticket.prefetch else _PRIORITY_OF_TOKEN
        lane_subjects = [subjects.work(ticket.model_class, lane, ticket.job_id) for lane in lanes]
        found = await asyncio.gather(*(last_ticket(self._client, subject) for subject in lane_subjects))
        return [stored for stored in found if stored is not None]

    async def _remove(self, subject: str, position: int) -> None:
        """Remove the message of a subject at `position`, but no later one."""
        await purge(self._client, subjects.WORK, {"filter": subject, "seq": position + 1})


async def store_ticket(
    client: Client, inbox: RequestInbox, ticket: Ticket, write: OutgoingWrite, *, unless_gone: bool = False
) -> tuple[int, bool]:
    """Store a ticket unless a later one of its subject is stored. `write` is its message, and what that replaces.

    Return the position of the ticket that is stored then, and whether it is this one. With `unless_gone` it is not
    stored if the message that `write` expects is gone; the position is 0 then. One that it meets on the way does not
    count: a worker may acknowledge the ticket of the attempt before. Raises `LogUnavailable`.
    """
    is_gone_with = write.expected if unless_gone else 0
    for _ in range(ISSUE_TRIES):
        try:
            return await publish(inbox, subjects.WORK, write), True
        except JetStreamApiError as error:
            if error.number not in WRONG_LAST_SEQUENCE:
                raise LogUnavailable(str(error)) from error
        tail = await last_ticket(client, write.subject)
        if tail is None and is_gone_with:
            return 0, False
        if tail is not None and ticket_or_oldest(tail).position >= ticket.position:
            return tail.position, False
        write = replace(write, expected=tail.position if tail is not None else 0)
    raise LogUnavailable(f"the ticket of job {ticket.job_id} keeps changing; issue it again")


async def last_ticket(client: Client, subject: str) -> StoredMessage | None:
    """Return the message of a subject; None if there is none. Raises `LogUnavailable`, also without a stream."""
    try:
        return await last_at_leader(client, subjects.WORK, subject)
    except JetStreamApiError as error:
        raise LogUnavailable(str(error)) from error


async def lane_info(client: Client, consumer: str) -> dict[str, Any] | None:
    """Return what the server says of the consumer of a lane; None if no worker has served the lane yet.

    Raises `LogUnavailable`.
    """
    try:
        return await api_request(client, f"$JS.API.CONSUMER.INFO.{subjects.WORK}.{consumer}")
    except JetStreamApiError as error:
        if error.number == CONSUMER_NOT_FOUND:
            return None
        raise LogUnavailable(str(error)) from error


def subject_of(ticket: Ticket, *, deferred: bool = False) -> str:
    """Return the subject of a ticket in its lane, or of a deferred one."""
    lane = PREFETCH_LANE if ticket.prefetch else str(ticket.priority.rank)
    return subjects.work(
        ticket.model_class, subjects.deferred(ticket.priority.rank) if deferred else lane, ticket.job_id
    )


def is_deferred(subject: str) -> bool:
    """Return whether the ticket at a subject is deferred."""
    return subject.split(".")[2] in _PRIORITY_OF_DEFERRED


def ticket_in(subject: str, data: bytes) -> Ticket:
    """Return the ticket in a message. A prefetch ticket has no priority and gets the highest. Raises `DecodeError`."""
    _, model_class, lane, _ = subject.split(".")
    return decode_ticket(data, model_class, _PRIORITY_OF_TOKEN.get(lane, Priority.CRITICAL))


def ticket_or_oldest(stored: StoredMessage) -> Ticket:
    """Return the ticket in a message. An unreadable one counts as older than any other."""
    readable = readable_ticket(stored)
    if readable is not None:
        return readable
    _, model_class, _, job_id = stored.subject.split(".")
    return Ticket(job_id=job_id, position=-1, attempt=0, model_class=model_class, priority=Priority.LOW)


def readable_ticket(stored: StoredMessage) -> Ticket | None:
    """Return the ticket in a message; None, after logging an error, if it is none."""
    try:
        return ticket_in(stored.subject, stored.data)
    except DecodeError:
        logger.error("the message at %s is not a ticket", stored.subject)
        return None
