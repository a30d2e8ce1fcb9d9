"""Alarms on plain NATS subjects, not in a stream: a full disk must not keep an alarm about it from others.

Every process announces its alarms every few seconds and remembers what the others announced. See decision 18.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER
from kinolog.codec.alarms import alarm_to_proto, decode_alarm
from kinolog.ports.alarms import KNOWN_SECONDS, MAX_ALARMS, Alarm, in_order
from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks, keep_running

logger = logging.getLogger(__name__)

ANNOUNCE_SECONDS = 5.0
"""How often the alarms of this process are announced again."""


@dataclass(frozen=True, slots=True)
class _Announced:
    """An alarm that was received. `at` is when it arrived, on the monotonic clock."""

    alarm: Alarm
    at: float


class NatsAlarms:
    """The alarms of all processes that are connected to the same server. `open` it first, `close` it at last."""

    def __init__(self, client: Client, source: str, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._source = source
        self._now = now
        self._own: dict[str, Alarm] = {}
        self._others: dict[tuple[str, str], _Announced] = {}
        self._subscription: Subscription | None = None
        self._announcing: asyncio.Task[None] | None = None

    @property
    def source(self) -> str:
        return self._source

    async def open(self) -> None:
        """Subscribe, and request the alarms that stand. Raises the errors of `NO_ANSWER`."""
        announcing = keep_running("announcing alarms", self._announce_repeatedly, ANNOUNCE_SECONDS)
        self._announcing = asyncio.create_task(announcing, name="alarms")
        self._subscription = await self._client.subscribe(subjects.ALARM_SUBJECTS, cb=self._receive)
        await self._client.flush()
        await self._publish(subjects.ALARMS_REQUESTED, b"")

    async def raise_alarm(self, alarm: Alarm) -> None:
        before = self._own.get(alarm.name)
        own = replace(alarm, source=self._source, since=before.since if before else alarm.since)
        if before is None:
            logger.error("alarm %s: %s", own.name, own.text, extra=fields("alarm_raised", alarm=own.name))
        self._own[own.name] = own
        if own != before:
            await self._announce(own)

    async def clear(self, name: str) -> None:
        alarm = self._own.pop(name, None)
        if alarm is None:
            return
        self._others.pop((self._source, name), None)
        logger.info("alarm %s is over", name, extra=fields("alarm_cleared", alarm=name))
        await self._publish(subjects.ALARMS_CLEARED, alarm_to_proto(alarm).SerializeToString())

    async def current(self) -> tuple[Alarm, ...]:
        if not self._own and not self._others:
            return ()  # every submit asks
        oldest = self._now() - KNOWN_SECONDS
        self._others = {key: known for key, known in self._others.items() if known.at > oldest}
        known = {key: announced.alarm for key, announced in self._others.items()}
        return in_order([*(known | {(a.source, a.name): a for a in self._own.values()}).values()])

    async def close(self) -> None:
        """Withdraw the alarms of this process and end the subscription."""
        if self._announcing is not None:
            await end_tasks((self._announcing,))
            self._announcing = None
        for name in list(self._own):
            await self.clear(name)
        if self._subscription is not None and not self._client.is_closed:
            with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
                await self._subscription.unsubscribe()
        self._subscription = None

    async def _announce_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(ANNOUNCE_SECONDS)
            await self._announce_all()

    async def _announce_all(self) -> None:
        for alarm in list(self._own.values()):
            await self._announce(alarm)

    async def _announce(self, alarm: Alarm) -> None:
        await self._publish(subjects.ALARMS_RAISED, alarm_to_proto(alarm).SerializeToString())

    async def _publish(self, subject: str, data: bytes) -> None:
        """Publish without waiting. A message that is lost while disconnected follows at the next announcement."""
        with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
            await self._client.publish(subject, data)

    async def _receive(self, message: Msg) -> None:
        if message.subject == subjects.ALARMS_REQUESTED:
            await self._announce_all()
            return
        try:
            alarm = decode_alarm(message.data)
        except DecodeError:
            logger.error("the message at %s is not an alarm", message.subject)
            return
        key = (alarm.source, alarm.name)
        if message.subject == subjects.ALARMS_CLEARED:
            self._others.pop(key, None)
        elif key in self._others or len(self._others) < MAX_ALARMS:
            self._others[key] = _Announced(alarm, self._now())
