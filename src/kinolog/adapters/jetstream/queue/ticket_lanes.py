"""The tickets of WORK one by one: their numbers are those of their messages, and deferred ones have other subjects."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice

from nats.aio.client import Client

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import JetStreamApiError, purge
from kinolog.adapters.jetstream.client.appender import MAX_BATCH_SIZE
from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish_batch
from kinolog.adapters.jetstream.client.stored_messages import StoredMessageReader
from kinolog.adapters.jetstream.queue.ticket_issuer import (
    is_deferred,
    lane_info,
    last_ticket,
    readable_ticket,
    store_ticket,
    subject_of,
)
from kinolog.codec.tickets import encode_ticket
from kinolog.job.values import Priority
from kinolog.ports.tickets import LaneProgress, StoredTicket, Ticket


class JetStreamTicketLanes:
    """Reads and writes the messages of WORK. Many writes are one atomic batch, at contiguous positions."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reader = StoredMessageReader(client, subjects.WORK)

    async def stored(self) -> list[StoredTicket]:
        found: list[StoredTicket] = []
        async for message in self._reader.all_messages():
            ticket = readable_ticket(message)
            if ticket is not None and not ticket.prefetch:
                deferred = is_deferred(message.subject)
                found.append(StoredTicket(ticket=ticket, number=message.position, deferred=deferred))
        return found

    async def has_ticket(self, ticket: Ticket) -> bool:
        lanes = [lane for p in Priority for lane in (p.rank, subjects.deferred(p.rank))]
        possible = [subjects.work(ticket.model_class, lane, ticket.job_id) for lane in lanes]
        tails = await asyncio.gather(*(last_ticket(self._client, subject) for subject in possible))
        return any(tail is not None for tail in tails)

    async def progress(self, model_class: str, priority: Priority) -> LaneProgress | None:
        info = await lane_info(self._client, subjects.work_consumer(model_class, priority.rank))
        if info is None:
            return None
        return LaneProgress(taken=int(info["delivered"]["stream_seq"]), untaken=int(info["num_pending"]))

    async def put(self, tickets: Sequence[StoredTicket], *, deferred: bool) -> list[int]:
        numbers: list[int] = []
        remaining = iter(tickets)
        while chunk := list(islice(remaining, MAX_BATCH_SIZE)):
            numbers += await self._put_batch(chunk, deferred)
        return numbers

    async def remove(self, tickets: Sequence[StoredTicket]) -> None:
        await asyncio.gather(
            *(
                purge(
                    self._client,
                    subjects.WORK,
                    {"filter": subject_of(each.ticket, deferred=each.deferred), "seq": each.number + 1},
                )
                for each in tickets
            )
        )

    async def close(self) -> None:
        """Close the inbox; pending requests fail."""
        await self._reader.close()

    async def _put_batch(self, tickets: Sequence[StoredTicket], deferred: bool) -> list[int]:
        """Store all as one batch; singly if the server refuses it, since one of them was changed."""
        writes = [
            OutgoingWrite(
                subject=subject_of(each.ticket, deferred=deferred),
                data=encode_ticket(each.ticket),
                expected=each.number,
            )
            for each in tickets
        ]
        if len(writes) > 1:
            try:
                last = await publish_batch(self._reader.inbox, writes)
            except JetStreamApiError:
                pass
            else:
                return list(range(last - len(writes) + 1, last + 1))
        return [await self._put_one(write, each.ticket) for write, each in zip(writes, tickets, strict=True)]

    async def _put_one(self, write: OutgoingWrite, ticket: Ticket) -> int:
        position, _ = await store_ticket(self._client, self._reader.inbox, ticket, write, unless_gone=True)
        return position
