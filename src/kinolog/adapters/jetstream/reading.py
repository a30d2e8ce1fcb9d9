"""Fast reads of stored messages: batched direct gets, which need no consumer and so leave nothing behind.

One request is answered by up to `BATCH_MESSAGES` messages and a closing one; the next request is under way while
the caller works on the answer. Measured against other ways in docs/log.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import Header

from kinolog.adapters.jetstream.asking import ANSWER_SECONDS, NO_ANSWER
from kinolog.ports.event_store import LogUnavailable

BATCH_MESSAGES = 1_000
BATCH_BYTES = 8 << 20
SUBJECTS_PER_REQUEST = 1_000
"""The server answers at most 1,024 subjects at once."""

NO_MESSAGES = "404"
END_OF_BATCH = "204"


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the stream keeps it; `mark` is its `KV-Operation` header, empty for most."""

    subject: str
    position: int
    data: bytes
    mark: str = ""


@dataclass(slots=True)
class _Answer:
    """What has come of one request so far."""

    done: asyncio.Future[bool]
    messages: list[Stored] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages in the order of the stream; `more` when others match that were left off."""

    messages: list[Stored]
    more: bool


class StreamReader:
    """Reads one stream without a consumer. Requests may overlap; each has an inbox of its own."""

    def __init__(self, client: Client, stream: str) -> None:
        self._client = client
        self._subject = f"$JS.API.DIRECT.GET.{stream}"
        self._tokens = count(1)
        self._answers: dict[str, _Answer] = {}
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._subscribing = asyncio.Lock()

    async def last(self, subject: str) -> Stored | None:
        """The last message of a subject, from any replica."""
        try:
            message = await self._client.request(f"{self._subject}.{subject}", timeout=ANSWER_SECONDS)
        except NO_ANSWER as error:
            raise LogUnavailable(f"reading {subject}: {str(error) or type(error).__name__}") from error
        headers = message.headers or {}
        if headers.get("Status") == NO_MESSAGES:
            return None
        return _stored(message)

    async def lasts(self, subjects: Sequence[str]) -> dict[str, Stored]:
        """The last message of each subject that has one."""
        found: dict[str, Stored] = {}
        for start in range(0, len(subjects), SUBJECTS_PER_REQUEST):
            wanted = subjects[start : start + SUBJECTS_PER_REQUEST]
            while wanted:
                batch = await self._ask(
                    {"multi_last": wanted, "batch": len(wanted), "max_bytes": BATCH_BYTES}
                )
                found.update((message.subject, message) for message in batch.messages)
                wanted = [subject for subject in wanted if subject not in found] if batch.more else []
        return found

    async def after(self, position: int, messages: int = BATCH_MESSAGES) -> Batch:
        """The messages behind `position`, of all subjects."""
        return await self._ask({"seq": position + 1, "batch": messages, "max_bytes": BATCH_BYTES})

    async def of_subject(self, subject: str, after: int = 0) -> Batch:
        """The messages of one subject behind `after`."""
        return await self._ask(
            {
                "seq": after + 1,
                "next_by_subj": subject,
                "batch": BATCH_MESSAGES,
                "max_bytes": BATCH_BYTES,
            }
        )

    async def close(self) -> None:
        """Give up the inbox; requests under way fail."""
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()
        self._subscription = None
        for answer in self._answers.values():
            if not answer.done.done():
                answer.done.set_exception(LogUnavailable("the log was closed"))

    async def _ask(self, request: Mapping[str, object]) -> Batch:
        token = str(next(self._tokens))
        answer = self._answers[token] = _Answer(asyncio.get_running_loop().create_future())
        try:
            await self._subscribe()
            await self._client.publish(self._subject, json.dumps(request).encode(), f"{self._inbox}.{token}")
            more = await self._wait(answer)
        except NO_ANSWER as error:
            raise LogUnavailable(f"{self._subject}: {str(error) or type(error).__name__}") from error
        finally:
            del self._answers[token]
        return Batch(answer.messages, more)

    async def _wait(self, answer: _Answer) -> bool:
        """Wait for the closing message, as long as others keep coming."""
        while True:
            before = len(answer.messages)
            try:
                return await asyncio.wait_for(asyncio.shield(answer.done), ANSWER_SECONDS)
            except TimeoutError:
                if len(answer.messages) == before:
                    raise nats.errors.TimeoutError from None

    async def _subscribe(self) -> None:
        async with self._subscribing:
            if self._subscription is None:
                self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._take)

    async def _take(self, message: Msg) -> None:
        answer = self._answers.get(message.subject.rpartition(".")[2])
        if answer is None or answer.done.done():
            return  # of a request that was given up
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None:
            answer.messages.append(_stored(message))
        elif status in (NO_MESSAGES, END_OF_BATCH):
            answer.done.set_result(headers.get("Nats-Num-Pending", "0") != "0")
        else:
            reason = f"{status} {headers.get(Header.DESCRIPTION, '')}".strip()
            answer.done.set_exception(LogUnavailable(f"{self._subject}: {reason}"))


def _stored(message: Msg) -> Stored:
    headers = message.headers or {}
    return Stored(
        headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data, headers.get("KV-Operation", "")
    )
