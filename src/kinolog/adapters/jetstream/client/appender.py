"""Store messages that build on their subject's tail, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import perf_counter
from typing import TypeAlias

from nats.aio.client import Client

from kinolog.adapters.jetstream.client.api_request import WRONG_LAST_SEQUENCE, JetStreamApiError
from kinolog.adapters.jetstream.client.leader_read import last_at_leader
from kinolog.adapters.jetstream.client.publish import OutgoingWrite, publish, publish_batch
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.client.stored_messages import StoredMessage, StoredMessageReader
from kinolog.grouped_calls import GroupLimits
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.metrics.histogram import APPEND_SECONDS

MIN_BATCH_SIZE = 8
"""Number of messages from which one atomic batch is faster than single publishes (measured, docs/log.md)."""

MAX_BATCH_SIZE = 500
"""Maximum number of messages in a batch; the server accepts 1,000."""

LIMITS = GroupLimits(max_single_calls=MIN_BATCH_SIZE, max_group_size=MAX_BATCH_SIZE)
"""Limits of the group commit of concurrent stores."""

BATCH_TRIES = 3
"""Tries of a refused batch, each without the messages that are stored already, before the rest is stored singly."""

Outcome: TypeAlias = "int | StoredMessage"
"""Position of a stored message, or the tail of its subject if the message does not build on it.

The tail may be the message itself, stored by an earlier attempt whose answer was lost: the caller compares.
"""


async def _nothing_to_do() -> None:
    """Do nothing."""


class MissingPredecessor(LogUnavailable):
    """The tail of a subject is before the position that a message builds on: an acknowledged message is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appender:
    """Stores messages in one stream. Retries for `retry_timeout_seconds` while the server does not answer.

    With `tail_at_leader` tails are read from the stream's leader: of several replicas only the leader is sure to have
    the last message of a subject.
    """

    client: Client
    stream: str
    reader: StoredMessageReader
    tail_at_leader: bool
    retry_timeout_seconds: float
    before_write: Callable[[], Awaitable[None]] = _nothing_to_do
    """Called before every write, also before a repeated one. What it raises ends the write."""

    async def store(self, message: OutgoingWrite) -> Outcome:
        """Store one message. Raises `LogUnavailable`, `MissingPredecessor`."""
        started = perf_counter()
        try:
            return await retry_until_answered(partial(self._store, message), self.retry_timeout_seconds)
        finally:
            APPEND_SECONDS.observe(perf_counter() - started, self.stream)

    async def store_first(self, messages: Sequence[OutgoingWrite]) -> list[Outcome]:
        """Store messages that are each the first of their subject. Return an outcome for each, in order."""
        firsts: dict[str, OutgoingWrite] = {}
        for message in messages:
            firsts.setdefault(message.subject, message)
        outcomes = await self._store_distinct(list(firsts.values()))
        return [
            outcomes[message.subject]
            if firsts[message.subject] is message
            else await self.store(message)  # the second message of a subject
            for message in messages
        ]

    async def tail(self, subject: str) -> StoredMessage | None:
        """Return the last message of a subject; None if there is none."""
        if self.tail_at_leader:
            return await last_at_leader(self.client, self.stream, subject)
        return await self.reader.last(subject)

    async def _store(self, message: OutgoingWrite) -> Outcome:
        await self.before_write()
        try:
            position = await publish(self.reader.inbox, self.stream, message)
            if position:
                return position
        except JetStreamApiError as error:
            if error.number not in WRONG_LAST_SEQUENCE:
                raise
        tail = await self.tail(message.subject)
        if tail is None or tail.position < message.expected:
            where = tail.position if tail else 0
            raise MissingPredecessor(f"the tail of {message.subject} is {where}, not {message.expected}")
        return tail

    async def _store_distinct(self, messages: list[OutgoingWrite]) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        remaining = iter(messages)
        while chunk := list(islice(remaining, MAX_BATCH_SIZE)):
            outcomes |= await self._store_chunk(chunk)
        return outcomes

    async def _store_chunk(self, messages: list[OutgoingWrite]) -> dict[str, Outcome]:
        """Store one batch. If it is refused, leave out the messages that are stored already; at last store singly."""
        outcomes: dict[str, Outcome] = {}
        for _ in range(BATCH_TRIES):
            if len(messages) < MIN_BATCH_SIZE:
                break
            try:
                await self.before_write()
                started = perf_counter()
                last = await publish_batch(self.reader.inbox, messages)
                APPEND_SECONDS.observe(perf_counter() - started, self.stream)
            except (JetStreamApiError, LogUnavailable):
                stored = await self._already_stored(messages)
                outcomes |= stored
                messages = [message for message in messages if message.subject not in stored]
            else:
                first = last - len(messages) + 1
                return outcomes | {m.subject: first + n for n, m in enumerate(messages)}
        singly = await asyncio.gather(*map(self.store, messages))
        return outcomes | {m.subject: outcome for m, outcome in zip(messages, singly, strict=True)}

    async def _already_stored(self, messages: list[OutgoingWrite]) -> dict[str, StoredMessage]:
        subjects = [message.subject for message in messages]
        return await retry_until_answered(partial(self.reader.lasts, subjects), self.retry_timeout_seconds)
