"""Sends signed heads to places outside of kinolog. A place that is away stops nothing: its heads wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import psycopg

from kinolog.merkle.witness import PublishedHead
from kinolog.ports.clock import Clock
from kinolog.ports.tree.head_target import HeadNotSent, HeadTarget
from kinolog.process.backoff import Backoff
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.process.tasks import keep_running
from kinolog.readmodel.database import Connection, writer_connection
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.tree.commit_tree import DamagedTree
from kinolog_projector.tree.head_receipts import SentHead, add_receipt, last_sent
from kinolog_projector.tree.published_heads import published_heads
from kinolog_projector.tree.stored_heads import last_head

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
"""How often new heads are looked for."""
HEADS_PER_READ = 50
ALARM_FAILURES = 3
"""A place that refused so often in a row is an alarm."""
BACKOFF = Backoff(first_seconds=1.0, longest_seconds=300.0)


class HeadsAlarm(ProblemAlarm):
    """The alarm about places that do not get heads. Their names are for operators."""

    def text(self, problem: str) -> str:
        """Say what it means."""
        return "Signed heads of the record do not reach a place outside. They wait and are sent again. Jobs go on"

    def details(self, problem: str) -> str:
        """Say which place, and why."""
        return problem


class _ServedPlace:
    """A place, and how sending to it goes."""

    def __init__(self, target: HeadTarget) -> None:
        self.target = target
        self.sent = 0
        self.failures = 0
        self.problem = ""


class HeadSender:
    """Sends every head to every place, in order, while this process leads."""

    def __init__(
        self,
        database_url: str,
        targets: Sequence[HeadTarget],
        alarm: ProblemAlarm,
        clock: Clock,
        poll_seconds: float = POLL_SECONDS,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._database_url = database_url
        self._places = [_ServedPlace(target) for target in targets]
        self._alarm = alarm
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._backoff = backoff

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe: the last head that each place has."""
        return [
            Metric(
                name="kinolog_tree_head_sent",
                value=place.sent,
                help="Number of the last signed head that a place outside has.",
                labels={"target": place.target.name},
            )
            for place in self._places
        ]

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Send until cancelled."""
        if not self._places:
            return
        await caught_up.wait()
        try:
            async with asyncio.TaskGroup() as group:
                for place in self._places:
                    serve = partial(self._serve, place)
                    group.create_task(keep_running("sending heads", serve, self._poll_seconds))
        finally:
            for place in self._places:
                await place.target.close()

    async def _serve(self, place: _ServedPlace) -> None:
        """Send to one place until cancelled. It waits for no other one."""
        while True:
            try:
                async with await writer_connection(self._database_url, "kinolog-heads") as connection:
                    while True:
                        await self._send(place, connection)
                        await asyncio.sleep(self._poll_seconds)
            except (psycopg.OperationalError, DamagedTree) as error:  # an alarm of others
                logger.warning("no heads are sent now: %s", type(error).__name__)
                await asyncio.sleep(self._poll_seconds)

    async def _send(self, place: _ServedPlace, connection: Connection) -> None:
        """Send the heads that a place lacks. One that it does not take is sent again after a pause."""
        while heads := await self._due(place, connection):
            for head in heads:
                await self._deliver(place, connection, head)

    async def _due(self, place: _ServedPlace, connection: Connection) -> list[PublishedHead]:
        """Return the next heads for a place. A new place begins with the last head: it proves all before it."""
        sent = await last_sent(connection, place.target.name)
        place.sent = sent.number if sent else 0
        last = await last_head(connection)
        if last is None or place.sent >= last.number:
            return []
        every = timedelta(seconds=place.target.every_seconds)
        if (
            sent is not None and timedelta(0) <= self._clock() - sent.at < every
        ):  # not after a clock was set back
            return []
        is_of_last_alone = sent is None or place.target.every_seconds > 0
        after = last.number - 1 if is_of_last_alone else place.sent
        return await published_heads(connection, after, HEADS_PER_READ)

    async def _deliver(self, place: _ServedPlace, connection: Connection, head: PublishedHead) -> None:
        """Send a head until the place has taken it."""
        number = head.signed.number
        while True:
            try:
                receipt = await place.target.send(head)
            except HeadNotSent as error:
                await self._note(place, f"{place.target.name}: head {number} is not sent: {error}")
                await asyncio.sleep(self._backoff.seconds(place.failures))
            else:
                break
        await add_receipt(connection, place.target.name, SentHead(number=number, at=self._clock()), receipt)
        place.sent = number
        if place.failures:
            place.failures = 0
            await self._note(place, "")

    async def _note(self, place: _ServedPlace, problem: str) -> None:
        if problem:
            place.failures += 1
        if problem != place.problem:
            logger.warning(
                "%s", problem or f"{place.target.name} takes heads again", extra=fields("tree_heads")
            )
        place.problem = problem
        standing = [each.problem for each in self._places if each.failures >= ALARM_FAILURES]
        await self._alarm.update("; ".join(standing))
