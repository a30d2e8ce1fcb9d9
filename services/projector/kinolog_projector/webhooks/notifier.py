"""Tells webhooks of the starts and ends of jobs while this process leads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

import psycopg

from kinolog.access.access_log import AccessLog
from kinolog.ports.alarms import Alarms
from kinolog.ports.clock import Clock
from kinolog.ports.commit_feed import CommitFeed
from kinolog.ports.event_store import DamagedLog, EventStore, LogUnavailable
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.process.tasks import first_error
from kinolog.readmodel.database import first_line, writer_connection
from kinolog.webhooks.address import AddressRules
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.webhooks.delivery_tables import DeliveryTables
from kinolog_projector.webhooks.http_call import HttpCalls
from kinolog_projector.webhooks.known_webhooks import KnownWebhooks
from kinolog_projector.webhooks.mail_call import MailCalls
from kinolog_projector.webhooks.planner import DeliveryPlanner
from kinolog_projector.webhooks.receiver_calls import ReceiverCalls
from kinolog_projector.webhooks.receivers import Receivers
from kinolog_projector.webhooks.sender import Sender

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
"""Pause before all begins again after an error of broker or database."""
UPKEEP_SECONDS = 3_600.0
"""How often old deliveries are deleted and keys are archived again."""
ALARM_SECONDS = 5.0
NAMED_WEBHOOKS = 5


class SwitchedOffAlarm(ProblemAlarm):
    """The alarm about webhooks that are called no more. Their ids are for operators."""

    def text(self, problem: str) -> str:
        return "Webhooks are switched off, since their receivers are gone: kinolog webhooks list names them"

    def details(self, problem: str) -> str:
        return problem


class Notifier:
    """Plans deliveries from the log and sends them, each in a task of its own."""

    def __init__(
        self,
        database_url: str,
        store: EventStore,
        access_log: AccessLog,
        keys: ArchivableKeyStore,
        feed: CommitFeed,
        alarms: Alarms,
        clock: Clock,
        *,
        rules: AddressRules,
        recipients: Callable[[str], Collection[str] | None] = lambda _: None,
        pauses: Sequence[float],
        public_url: str,
        calls: Callable[[AddressRules], HttpCalls] = HttpCalls,
        mail: MailCalls | None = None,
    ) -> None:
        """`recipients` returns to whom a tenant may send e-mail, None for all that `rules` allow."""
        self._database_url = database_url
        self._store = store
        self._access_log = access_log
        self._keys = keys
        self._feed = feed
        self._alarm = SwitchedOffAlarm(alarms, "webhooks-off", clock)
        self._clock = clock
        self._rules = rules
        self._recipients = recipients
        self._mail = mail
        self._pauses = pauses
        self._public_url = public_url
        self._calls = calls
        self._sender: Sender | None = None

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Plan and send until cancelled."""
        while True:
            try:
                await self._run(writer)
            except* (LogUnavailable, DamagedLog, psycopg.OperationalError) as group:
                problem = first_line(first_error(group, (Exception,)) or group)
                logger.warning("webhooks wait: %s", problem, extra=fields("retry"))
            await asyncio.sleep(RETRY_SECONDS)

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
        sender = self._sender
        tried, delivered, failed, running = (
            (sender.tried, sender.delivered, sender.failed, sender.running) if sender else (0, 0, 0, 0)
        )
        counts = (
            ("calls_total", "Calls of webhooks.", tried, "counter"),
            ("delivered_total", "Deliveries that were accepted.", delivered, "counter"),
            ("failed_total", "Deliveries that failed for good.", failed, "counter"),
            ("calls", "Calls that are made now.", running, "gauge"),
        )
        return [
            Metric(name=f"kinolog_webhook_{name}", value=value, help=text, kind=kind)
            for name, text, value, kind in counts
        ]

    def _rules_of(self, tenant: str) -> AddressRules:
        return self._rules.narrowed(self._recipients(tenant))

    async def _run(self, writer: BatchWriter) -> None:
        calls = self._calls(self._rules)
        try:
            async with await writer_connection(self._database_url, "kinolog-webhooks") as connection:
                tables = DeliveryTables(connection)
                known = KnownWebhooks(self._access_log, self._keys, tables, writer, self._clock)
                await known.load()
                wake = asyncio.Event()
                planner = DeliveryPlanner(
                    self._feed, known, tables, self._keys, self._rules_of, self._clock, self._public_url
                )
                receivers = Receivers(self._store, self._keys)
                receiver_calls = ReceiverCalls(receivers, calls, self._mail, self._rules_of, self._clock)
                self._sender = Sender(tables, known, receiver_calls, self._clock, self._pauses)
                async with asyncio.TaskGroup() as group:
                    group.create_task(known.follow(wake))
                    group.create_task(planner.run(wake))
                    group.create_task(self._sender.run(wake))
                    group.create_task(self._upkeep(known, tables))
                    group.create_task(self._announce(known))
        finally:
            await calls.close()

    async def _upkeep(self, known: KnownWebhooks, tables: DeliveryTables) -> None:
        while True:
            await known.archive_keys()
            while await tables.prune(self._clock()):
                pass
            await asyncio.sleep(UPKEEP_SECONDS)

    async def _announce(self, known: KnownWebhooks) -> None:
        while True:
            off = known.off_now()
            more = f" and {len(off) - NAMED_WEBHOOKS} more" if len(off) > NAMED_WEBHOOKS else ""
            await self._alarm.update(f"They are {', '.join(off[:NAMED_WEBHOOKS])}{more}" if off else "")
            await asyncio.sleep(ALARM_SECONDS)
