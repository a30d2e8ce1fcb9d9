"""Webhooks from the log to a receiver: what is sent, what is tried again, and what is switched off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.webhooks.job_webhooks import JobWebhooks
from kinolog_api.webhooks.webhook_facts import WebhookFacts
from kinolog_projector.webhooks import delivery_tables
from kinolog_projector.webhooks import notifier as notifier_module
from kinolog_projector.webhooks import sender as sender_module
from kinolog_projector.webhooks.call_outcome import CallOutcome
from kinolog_projector.webhooks.delivery_tables import DeliveryTables, PlannedDelivery
from kinolog_projector.webhooks.http_call import HttpCalls
from kinolog_projector.webhooks.mail_call import MailCalls
from kinolog_projector.webhooks.notifier import Notifier
from psycopg_pool import AsyncConnectionPool

from kinolog.access.webhook import (
    RedeliveryRequested,
    Webhook,
    WebhookChanged,
    WebhookCreated,
    WebhookDeleted,
    WebhookSecretRotated,
)
from kinolog.ports.clock import system_clock
from kinolog.privacy.sealed_fields import WEBHOOK
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.readmodel.database import reader_pool
from kinolog.readmodel.roles import READER
from kinolog.readmodel.webhook_history import PostgresWebhookHistory
from kinolog.webhooks.address import AddressRules, WebhookAddress
from kinolog.webhooks.delivery_history import DeliveryCursor, DeliveryStatus
from kinolog.webhooks.events import ENDS
from tests.adapters.memory.access_log import MemoryAccessLog
from tests.adapters.memory.alarms import MemoryAlarms
from tests.adapters.memory.commit_feed import MemoryCommitFeed
from tests.builders.mail_receiver import ACCEPTED, mail_receiver
from tests.builders.memory_jobs import MemoryJobs
from tests.builders.webhook_receiver import RULES, WebhookReceiver, webhook_receiver
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until
from tests.integration.readmodel_database import Projected, projected


class HookedJobs:
    """Jobs in memory, webhooks about them, and what calls those."""

    def __init__(self, database: Projected, receiver: WebhookReceiver, pool: AsyncConnectionPool) -> None:
        self.database = database
        self.receiver = receiver
        self.jobs = MemoryJobs(now=datetime.now(UTC))
        self.log, self.alarms = MemoryAccessLog(), MemoryAlarms()
        self.directory = KeyDirectory(self.log)
        self.history = PostgresWebhookHistory(pool)
        self.facts = WebhookFacts(self.log, self.directory, self.jobs.keys, system_clock)

    def notifying(
        self,
        pauses: Sequence[float] = (0.0,) * 30,
        calls: Callable[[AddressRules], HttpCalls] = HttpCalls,
        mail: MailCalls | None = None,
    ) -> AbstractAsyncContextManager[asyncio.Task[None]]:
        """Run a notifier, as a projector that leads does."""
        notifier = Notifier(
            self.database.url,
            self.jobs.store,
            self.log,
            self.jobs.keys,
            MemoryCommitFeed(self.jobs.store),
            self.alarms,
            system_clock,
            rules=replace(RULES, recipients=(["example.org"],)),
            pauses=pauses,
            public_url="",
            calls=calls,
            mail=mail,
        )
        return background_task(notifier.run(self.database.writer, asyncio.Event()))

    async def webhook(
        self, path: str = "/hook", events: Sequence[str] = tuple(ENDS), actor: str = "", address: str = ""
    ) -> Webhook:
        """Create a webhook: of an address, or of a path of the receiver."""
        made, self.secret = await self.facts.create(
            "default",
            "ada",
            lambda sealer, secret: WebhookCreated(
                tenant="default",
                secret=sealer.sealed_secret(secret),
                address=sealer.sealed_address(address or self.receiver.address(path)),
                events=frozenset(events),
                actor=actor,
            ),
        )
        return made

    async def decide(self, webhook: Webhook, fact: object) -> None:
        """Store a fact about a webhook."""
        current = self.facts.book.by_id(webhook.webhook_id)
        assert current is not None
        await self.facts.decide(lambda: current, "test", fact, "ada")  # type: ignore[arg-type]

    async def job_with_webhook(
        self, address: str, webhook_format: str = "", events: tuple[str, ...] = ()
    ) -> str:
        """Submit a job that names an address."""
        job_id = "hooked" + "0" * 20
        key = (await self.jobs.keys.create({job_id: new_key()}))[job_id]
        sealed = Sealer(job_id, key).seal(address, WEBHOOK)
        changes = {"webhook": sealed, "webhook_format": webhook_format, "webhook_events": events}
        return await self.jobs.submit_sealed(job_id, "a red circle", changes)

    async def planned(self) -> None:
        """Wait until all that happened is planned."""
        feed = MemoryCommitFeed(self.jobs.store)
        await until(feed.progress, "all is planned", lambda progress: not progress.waiting)

    async def ended(self, webhook: Webhook, status: DeliveryStatus, number: int) -> None:
        """Wait until so many deliveries have ended in this way."""
        await until(
            lambda: self.history.deliveries("default", webhook.webhook_id, 1000, status=status),
            f"{number} deliveries are {status}",
            lambda found: len(found) == number,
        )


@pytest.fixture
async def hooked(migrated_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HookedJobs]:
    """An empty log with a receiver beside it."""
    monkeypatch.setattr(notifier_module, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(notifier_module, "ALARM_SECONDS", 0.05)
    async with (
        projected(migrated_database_url) as database,
        webhook_receiver() as receiver,
        reader_pool(migrated_database_url, 2, "test", READER) as pool,
    ):
        found = HookedJobs(database, receiver, pool)
        async with background_task(found.directory.run()):
            yield found


async def test_webhooks_are_told_what_they_asked_for(hooked: HookedJobs) -> None:
    """Signed, once, each about its own events, with the attempts in the history. Jobs may name addresses too."""
    first = await hooked.webhook()
    secret = hooked.secret
    starts = await hooked.webhook("/starts", ["job.started", "job.erased"])
    await hooked.webhook("/other", actor="nobody")
    own = await hooked.webhook("/own", actor="ann")
    early = await hooked.jobs.submit()
    of_jobs = await JobWebhooks(hooked.facts, lambda _: RULES).ensure_secret("default")
    async with hooked.notifying():
        await hooked.jobs.complete(early)
        named = await hooked.job_with_webhook(
            hooked.receiver.address("/named"), "replicate", ("job.started", "job.failed")
        )
        await hooked.jobs.fail(named)
        await hooked.ended(first, DeliveryStatus.DELIVERED, 2)
        await hooked.ended(own, DeliveryStatus.DELIVERED, 2)
        await hooked.ended(of_jobs, DeliveryStatus.DELIVERED, 2)
        await hooked.jobs.erase(early)
        await hooked.ended(starts, DeliveryStatus.DELIVERED, 3)
    told = {message["data"]["job_id"]: message["type"] for message in hooked.receiver.messages()}
    assert told == {early: "job.completed", named: "job.failed"}
    messages = hooked.receiver.messages("/named")
    assert sorted((one["status"], one["error"] or "") for one in messages) == [
        ("failed", "OUT_OF_MEMORY"),
        ("processing", ""),
    ]
    assert "circle" not in str(hooked.receiver.calls)
    types = [message["type"] for message in hooked.receiver.messages("/starts")]
    assert sorted(types) == ["job.erased", "job.started", "job.started"]
    assert hooked.receiver.messages("/other") == []
    hooked.receiver.verify(secret, [path for path, *_ in hooked.receiver.calls].index("/hook"))
    newest, oldest = await hooked.history.deliveries("default", first.webhook_id, 2)
    assert [one.status_code for one in newest.tries] == [204]
    page = await hooked.history.deliveries(
        "default", first.webhook_id, 2, DeliveryCursor(newest.created_at, newest.delivery_id)
    )
    assert [one.delivery_id for one in page] == [oldest.delivery_id]
    archived = "SELECT count(*) FROM kinolog.key_archive WHERE position = 0"
    assert await (await hooked.database.connection.execute(archived)).fetchone() == (5,)


async def test_a_call_that_cannot_be_made_stops_no_other(hooked: HookedJobs) -> None:
    """Whatever the error is: it is noted like that of a receiver."""

    class OddCalls(HttpCalls):
        async def post(self, address: WebhookAddress, body: bytes, headers: Mapping[str, str]) -> CallOutcome:
            if address.text.endswith("/odd"):
                raise UnicodeError("a name that nobody expected")
            return await super().post(address, body, headers)

    odd, good = await hooked.webhook("/odd"), await hooked.webhook("/good")
    async with hooked.notifying((), OddCalls):
        await hooked.jobs.cancel(await hooked.jobs.submit())
        await hooked.ended(odd, DeliveryStatus.FAILED, 1)
        await hooked.ended(good, DeliveryStatus.DELIVERED, 1)
    (failed,) = await hooked.history.deliveries("default", odd.webhook_id, 9)
    assert [one.error for one in failed.tries] == ["kinolog could not make the call"]


async def test_tenants_take_turns(hooked: HookedJobs) -> None:
    """One whose jobs name many receivers hides none of another tenant."""
    tables, now = DeliveryTables(hooked.database.connection), datetime.now(UTC)
    for number, tenant in enumerate(("many", "many", "many", "one")):
        planned = PlannedDelivery(
            webhook_id="wh",
            tenant=tenant,
            lane=f"wh/{number}",
            message_id="msg",
            event="job.failed",
            job_id="j",
            body=b"",
        )
        await tables.add([planned], now + timedelta(seconds=number))
    later = now + timedelta(minutes=1)
    assert [due.lane for due in await tables.due(later, [], [], 4)] == ["wh/0", "wh/3", "wh/1", "wh/2"]
    assert [due.lane for due in await tables.due(later, [], ["wh/0"], 4)] == ["wh/1", "wh/3", "wh/2", "wh/0"]


async def test_nothing_is_lost_when_a_process_is_killed(hooked: HookedJobs) -> None:
    """A receiver fails half of the time, and each notifier ends between an answer and its note: all arrive."""
    webhook = await hooked.webhook()
    number, answers, arrived = 20, iter(range(10_000)), asyncio.Event()

    def answer(headers: dict[str, str]) -> int:
        count = next(answers)
        if count % 7 == 3:
            arrived.set()  # the notifier ends before it reads this answer
        return 204 if count % 2 else 503

    hooked.receiver.answer = answer
    jobs = [await hooked.jobs.submit() for _ in range(number)]
    for job_id in jobs:
        await hooked.jobs.cancel(job_id)
    for _ in range(3):
        arrived.clear()
        async with hooked.notifying():
            await arrived.wait()
    async with hooked.notifying():
        await hooked.ended(webhook, DeliveryStatus.DELIVERED, number)
    assert {message["data"]["job_id"] for message in hooked.receiver.messages()} == set(jobs)
    assert len(set(hooked.receiver.accepted)) == number


async def test_mail(hooked: HookedJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for its server however often that is, and switches no webhook off; a mailbox that is gone does."""
    monkeypatch.setattr(sender_module, "LONGEST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(delivery_tables, "KEPT_TRIES", 4)
    address = "mailto:ada@example.org"
    webhook = await hooked.webhook(address=address)
    of_jobs = await JobWebhooks(hooked.facts, lambda _: RULES).ensure_secret("default")
    async with mail_receiver() as mail:
        mail.data_answer = "451 later"
        async with hooked.notifying((0.0, 0.0), mail=MailCalls(mail.server)):
            await hooked.jobs.cancel(await hooked.jobs.submit())
            await hooked.jobs.fail(await hooked.job_with_webhook(address))
            (tried,) = await until(
                lambda: hooked.history.deliveries("default", of_jobs.webhook_id, 9),
                "more tries than pauses",
                lambda found: [one.tries[-1].number > 5 for one in found if one.tries] == [True],
            )
            assert [one.status_code for one in tried.tries] == [451] * 4
            assert await hooked.history.switched_off("default", [webhook.webhook_id]) == {}
            mail.data_answer = ACCEPTED
            await hooked.ended(webhook, DeliveryStatus.DELIVERED, 2)
            await hooked.ended(of_jobs, DeliveryStatus.DELIVERED, 1)
            mail.recipient_answer = "550 gone"
            await hooked.jobs.cancel(await hooked.jobs.submit())
            await until(hooked.alarms.current, "the alarm")
    assert [recipients for recipients, _ in mail.arrived] == [["ada@example.org"]] * 3
    assert "circle" not in str([message for _, message in mail.arrived])
    off = (await hooked.history.switched_off("default", [webhook.webhook_id]))[webhook.webhook_id]
    assert "550" in off.reason


async def test_a_receiver_that_is_gone_is_switched_off(hooked: HookedJobs) -> None:
    """By 410 at once, by silence when a delivery has failed for good; a change switches it on again."""
    webhook = await hooked.webhook()
    hooked.receiver.answer = lambda headers: 410
    async with hooked.notifying((0.0,)):
        await hooked.jobs.cancel(await hooked.jobs.submit())
        (alarm,) = await until(hooked.alarms.current, "the alarm")
        assert (alarm.name, webhook.webhook_id in alarm.details) == ("webhooks-off", True)
        (failed,) = await hooked.history.deliveries("default", webhook.webhook_id, 9)
        assert [one.status_code for one in failed.tries] == [410]
        assert (
            "410"
            in (await hooked.history.switched_off("default", [webhook.webhook_id]))[webhook.webhook_id].reason
        )
        await hooked.jobs.cancel(await hooked.jobs.submit())
        await hooked.planned()
        sealer = await hooked.facts.sealer(webhook.webhook_id)
        address = sealer.sealed_address(hooked.receiver.address())
        events = frozenset(event.value for event in ENDS)
        await hooked.decide(webhook, WebhookChanged(address=address, name="", events=events, actor=""))
        await until(hooked.alarms.current, "the alarm ends", lambda found: not found)
        hooked.receiver.answer = lambda headers: 500
        await hooked.jobs.cancel(await hooked.jobs.submit())
        await until(hooked.alarms.current, "the alarm is back")
    off = (await hooked.history.switched_off("default", [webhook.webhook_id]))[webhook.webhook_id]
    assert "accepted nothing since" in off.reason


async def test_messages_are_delivered_again(hooked: HookedJobs) -> None:
    """On demand, with the same id, signed with the old secret too. A deleted webhook gets none, and leaves no key."""
    webhook = await hooked.webhook()
    async with hooked.notifying():
        await hooked.jobs.cancel(await hooked.jobs.submit())
        await hooked.ended(webhook, DeliveryStatus.DELIVERED, 1)
        (delivery,) = await hooked.history.deliveries("default", webhook.webhook_id, 9)
        sealer, now = await hooked.facts.sealer(webhook.webhook_id), datetime.now(UTC)
        new = "whsec_" + "A" * 43 + "="
        rotated = WebhookSecretRotated(
            secret=sealer.sealed_secret(new), old_until=now.replace(year=now.year + 1)
        )
        await hooked.decide(webhook, rotated)
        fact = RedeliveryRequested(delivery_id="dlv_" + "a" * 26, repeats=delivery.delivery_id)
        await hooked.decide(webhook, fact)
        await hooked.ended(webhook, DeliveryStatus.DELIVERED, 2)
        first, again = (headers["webhook-id"] for _, headers, _ in hooked.receiver.calls)
        assert first == again
        for secret in (hooked.secret, new):
            hooked.receiver.verify(secret, 1)
        await hooked.decide(webhook, WebhookDeleted())
        archived = "SELECT count(*) FROM kinolog.key_archive WHERE position = 0"

        async def keys() -> object:
            return await (await hooked.database.connection.execute(archived)).fetchone()

        await until(keys, "the key leaves the archive", (0,).__eq__)
        await hooked.jobs.cancel(await hooked.jobs.submit())
        await hooked.planned()
    assert len(hooked.receiver.calls) == 2
