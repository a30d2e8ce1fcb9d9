"""Alarms on plain NATS subjects, not in a stream: a full disk must not keep an alarm about it from others.

Every process announces its alarms every few seconds and remembers what the others announced. Several processes may
have the same source: each has an instance of its own, and clears its own alarms only. See decision 18 and decision 65.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, log_unavailable
from kinolog.codec.alarms import alarm_to_proto, decode_alarm
from kinolog.ids import new_id
from kinolog.ports.alarms import KNOWN_SECONDS, MAX_ALARMS, Alarm, in_order
from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks, keep_running

logger = logging.getLogger(__name__)

ANNOUNCE_SECONDS = 5.0
"""How often the alarms of this process are announced again."""

SUFFIX_LENGTH = 6
"""Characters that are new with every start: a process id may come again."""


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
        self._instance = f"{socket.gethostname()}-{os.getpid()}-{new_id()[:SUFFIX_LENGTH]}"
        self._now = now
        self._own: dict[str, Alarm] = {}
        self._others: dict[tuple[str, str, str], _Announced] = {}
        self._subscription: Subscription | None = None
        self._announcing: asyncio.Task[None] | None = None

    @property
    def source(self) -> str:
        return self._source

    async def open(self) -> None:
        """Subscribe, and request the alarms that stand. Raises `LogUnavailable` if the connection is closed.

        While the server is away nothing is requested. The client subscribes again with the next connection, and the
        other processes announce their alarms repeatedly.
        """
        try:
            self._subscription = await self._client.subscribe(subjects.ALARM_SUBJECTS, cb=self._receive)
        except (nats.errors.Error, *NO_ANSWER) as error:
            raise log_unavailable("alarms cannot be subscribed to", error) from error
        announcing = keep_running("announcing alarms", self._announce_repeatedly, ANNOUNCE_SECONDS)
        self._announcing = asyncio.create_task(announcing, name="alarms")
        with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
            await self._client.flush()
        await self._publish(subjects.ALARMS_REQUESTED, b"")

    async def raise_alarm(self, alarm: Alarm) -> None:
        before = self._own.get(alarm.name)
        since = before.since if before else alarm.since
        own = replace(alarm, source=self._source, instance=self._instance, since=since)
        if before is None:
            extra = fields("alarm_raised", alarm=own.name, details=own.details)
            logger.error("alarm %s: %s", own.name, own.text, extra=extra)
        self._own[own.name] = own
        if own != before:
            await self._announce(own)

    async def clear(self, name: str) -> None:
        alarm = self._own.pop(name, None)
        if alarm is None:
            return
        self._others.pop(_key(alarm), None)
        logger.info("alarm %s is over", name, extra=fields("alarm_cleared", alarm=name))
        await self._publish(subjects.ALARMS_CLEARED, alarm_to_proto(alarm).SerializeToString())

    async def leave(self) -> None:
        await self._announce_all()
        self._own.clear()

    async def current(self) -> tuple[Alarm, ...]:
        if not self._own and not self._others:
            return ()  # every submit asks
        oldest = self._now() - KNOWN_SECONDS
        self._others = {key: known for key, known in self._others.items() if known.at > oldest}
        known = {key: announced.alarm for key, announced in self._others.items()}
        return in_order((known | {_key(alarm): alarm for alarm in self._own.values()}).values())

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
        key = _key(alarm)
        if message.subject == subjects.ALARMS_CLEARED:
            self._others.pop(key, None)
        elif key in self._others or len(self._others) < MAX_ALARMS:
            self._others[key] = _Announced(alarm, self._now())


def _key(alarm: Alarm) -> tuple[str, str, str]:
    return alarm.source, alarm.instance, alarm.name
