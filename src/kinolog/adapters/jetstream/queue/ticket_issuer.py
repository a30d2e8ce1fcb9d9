"""Tickets in JetStream: one message per job in the work queue WORK, the lane in its subject.

A subject holds one message, and a new one takes its place. So every publish says which message it expects to find:
none, or the older one that it is to replace. Which ticket stays is decided by its position in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from google.protobuf.message import DecodeError
from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import WRONG_LAST_SEQUENCE, JetStreamApiError, api_request
from kinolog.adapters.jetstream.client.appender import LIMITS, Appender
from kinolog.adapters.jetstream.client.group_commit import GroupCommit
from kinolog.adapters.jetstream.client.leader_read import last_at_leader
from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage, StoredMessageReader
from kinolog.codec.tickets import decode_ticket, encode_ticket
from kinolog.job.values import Priority
from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.tickets import Ticket
from kinolog.scheduling.lane_choice import PREFETCH_LANE

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long a first ticket rides out a queue that does not answer."""

SEVERAL = 3
"""As many replicas as make it unsafe to ask any but the leader what lies there; right for one replica, too."""

TRIES = 8
"""How often a ticket is put anew when another one came or went in the meantime."""

_PRIORITY_OF_LANE = {str(priority.rank): priority for priority in Priority}


class JetStreamTicketIssuer:
    """Puts tickets into WORK and takes them out again."""

    def __init__(self, client: Client, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.WORK)
        appender = Appender(
            client=client,
            stream=subjects.WORK,
            reader=self._reader,
            replicas=SEVERAL,
            patience_seconds=patience_seconds,
        )
        self._firsts = GroupCommit(appender.store, appender.store_first, LIMITS)

    async def issue(self, ticket: Ticket, *, first: bool = False) -> None:
        if first:
            await self._issue_first(ticket)
            return
        lying = await self._lying(ticket)
        if any(_ticket(stored).position >= ticket.position for stored in lying):
            return
        subject = subject_of(ticket)
        if await self._put(subject, ticket, next((s.position for s in lying if s.subject == subject), 0)):
            await asyncio.gather(
                *(self._remove(s.subject, s.position) for s in lying if s.subject != subject)
            )

    async def withdraw(self, job_id: str) -> None:
        await self._purge({"filter": subjects.work_of_job(job_id)})

    async def outstanding(self) -> dict[str, Ticket]:
        found: dict[str, Ticket] = {}
        position, more = 0, True
        while more:
            batch = await self._reader.after(position)
            for stored in batch.messages:
                position = stored.position
                ticket = _readable(stored)
                if ticket is not None and not ticket.prefetch:
                    found[ticket.job_id] = ticket
            more = batch.more
        return found

    async def close(self) -> None:
        """Finish what is being written, and give up the inbox for answers."""
        await self._firsts.close()
        await self._reader.close()

    async def _issue_first(self, ticket: Ticket) -> None:
        """Store a ticket where none is expected to lie; many at once go as one batch."""
        subject = subject_of(ticket)
        outcome = await self._firsts.submit(OutgoingWrite(subject=subject, data=encode_ticket(ticket)))
        if not isinstance(outcome, int) and _ticket(outcome).position < ticket.position:
            await self._put(subject, ticket, outcome.position)

    async def _put(self, subject: str, ticket: Ticket, expected: int) -> bool:
        """Store the ticket unless a later one lies there; whether it is stored."""
        message = OutgoingWrite(subject=subject, data=encode_ticket(ticket), expected=expected)
        for _ in range(TRIES):
            try:
                await publish(self._reader.inbox, subjects.WORK, message)
                return True
            except JetStreamApiError as error:
                if error.number not in WRONG_LAST_SEQUENCE:
                    raise LogUnavailable(str(error)) from error
            lying = await last_at_leader(self._client, subjects.WORK, subject)
            if lying is not None and _ticket(lying).position >= ticket.position:
                return False
            message = OutgoingWrite(
                subject=subject, data=message.data, expected=lying.position if lying is not None else 0
            )
        raise LogUnavailable(f"the ticket of job {ticket.job_id} keeps changing")

    async def _lying(self, ticket: Ticket) -> list[StoredMessage]:
        """Tickets of the same job and kind that lie in the queue."""
        lanes: Iterable[str] = [PREFETCH_LANE] if ticket.prefetch else _PRIORITY_OF_LANE
        places = [subjects.work(ticket.model_class, lane, ticket.job_id) for lane in lanes]
        found = await asyncio.gather(
            *(last_at_leader(self._client, subjects.WORK, place) for place in places)
        )
        return [stored for stored in found if stored is not None]

    async def _remove(self, subject: str, position: int) -> None:
        """Remove the message at `position`, but none that came to lie there since."""
        await self._purge({"filter": subject, "seq": position + 1})

    async def _purge(self, what: dict[str, object]) -> None:
        try:
            await api_request(self._client, f"$JS.API.STREAM.PURGE.{subjects.WORK}", what)
        except JetStreamApiError as error:
            raise LogUnavailable(str(error)) from error


def subject_of(ticket: Ticket) -> str:
    """Where a ticket lies."""
    lane = PREFETCH_LANE if ticket.prefetch else ticket.priority.rank
    return subjects.work(ticket.model_class, lane, ticket.job_id)


def ticket_in(subject: str, data: bytes) -> Ticket:
    """The ticket in a message. Raises `DecodeError`; a ticket to warm up carries no priority and gets the highest."""
    _, model_class, lane, _ = subject.split(".")
    return decode_ticket(data, model_class, _PRIORITY_OF_LANE.get(lane, Priority.CRITICAL))


def _ticket(stored: StoredMessage) -> Ticket:
    """The ticket in a message; one that cannot be read counts as older than any other."""
    readable = _readable(stored)
    if readable is not None:
        return readable
    _, model_class, _, job_id = stored.subject.split(".")
    return Ticket(job_id=job_id, position=-1, attempt=0, model_class=model_class, priority=Priority.LOW)


def _readable(stored: StoredMessage) -> Ticket | None:
    try:
        return ticket_in(stored.subject, stored.data)
    except DecodeError:
        logger.error("the message at %s cannot be read as a ticket", stored.subject)
        return None
