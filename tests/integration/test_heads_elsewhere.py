"""Signed heads are sent to places outside of kinolog. A place that is away stops nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import nats
import pytest
from kinolog_projector.tree.head_receipts import SentHead, add_receipt, last_sent
from kinolog_projector.tree.head_sender import HeadsAlarm, HeadSender
from kinolog_projector.tree.head_signer import HeadRules
from rfc3161_client import VerifierBuilder, decode_timestamp_response

from kinolog.adapters.heads.configured_targets import TargetUnusable, configured_targets
from kinolog.adapters.jetstream.subjects import Service
from kinolog.merkle.witness import PublishedHead, Witness
from kinolog.ports.tree.head_target import HeadNotSent, HeadTarget
from kinolog.process.backoff import Backoff
from kinolog.process.files.head_keys import new_head_key
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog_stack.checks.doctor_check import DoctorCheck
from kinolog_stack.checks.tree_check import tree_checks
from kinolog_stack.servers.nats_server import NatsServer
from tests.adapters.memory.alarms import MemoryAlarms
from tests.builders.timestamp_authority import timestamp_authority
from tests.builders.webhook_receiver import webhook_receiver
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until, until_true
from tests.integration.readmodel_database import Projected, projected
from tests.integration.test_commit_tree import NOW, archive, heads, signer, write

AT_ONCE = Backoff(first_seconds=0.01, longest_seconds=0.02)


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Projected]:
    """A migrated database."""
    async with projected(migrated_database_url) as found:
        yield found


@pytest.fixture
def rules(tmp_path: Path) -> HeadRules:
    """A head is signed for each commit."""
    key = tmp_path / "tree.key"
    write(key, new_head_key())
    return HeadRules(key_file=key, every_commits=1)


async def sign(database: Projected, rules: HeadRules) -> None:
    """Add two commits, and sign a head."""
    await archive(database.connection, 2)
    await (await signer(database.connection, rules)).sign_if_due()


@asynccontextmanager
async def sending(
    database: Projected, *targets: HeadTarget, alarms: MemoryAlarms | None = None, now: datetime = NOW
) -> AsyncIterator[HeadSender]:
    """Send heads to places beside a test."""
    alarm = HeadsAlarm(alarms or MemoryAlarms("projector"), "audit-heads", lambda: NOW)
    sender = HeadSender(database.url, targets, alarm, lambda: now, poll_seconds=0.01, backoff=AT_ONCE)
    caught_up = asyncio.Event()
    caught_up.set()
    async with background_task(sender.run(database.writer, caught_up)):
        yield sender


async def wait_for(database: Projected, number: int, *targets: HeadTarget) -> None:
    """Wait until places have a head. What a new place begins with is decided when its sender first looks."""
    for target in targets:

        async def has_it(name: str = target.name) -> bool:
            sent = await last_sent(database.connection, name)
            return sent is not None and sent.number >= number

        await until(has_it, f"head {number} at {target.name}")


async def wait_for_metrics(sender: HeadSender, number: int) -> None:
    """Wait until all places have a head by the metrics, which follow the database."""
    await until_true(lambda: {metric.value for metric in sender.metrics()} == {number}, "the metrics")


def lines_of(folder: Path) -> list[str]:
    """Return the lines of the files in a folder, or of a file."""
    files = sorted(folder.iterdir()) if folder.is_dir() else [folder]
    return [line for file in files for line in file.read_text("utf-8").splitlines()]


def accepted(lines: list[str]) -> Witness:
    """Return what a witness remembers after these heads."""
    published = [PublishedHead.of(line) for line in lines]
    seen = Witness.begin(published[0])
    for head in published[1:]:
        seen = seen.accept(head)
    return seen


async def test_files_and_objects_have_every_head(
    database: Projected, rules: HeadRules, tmp_path: Path
) -> None:
    """From the last one on that was signed before. A witness accepts them."""
    places = [tmp_path / "copy.log", tmp_path / "store"]
    targets = configured_targets([str(places[0]), places[1].as_uri()])
    for _ in range(2):
        await sign(database, rules)
    for last in (3, 5):  # the second time another projector goes on
        async with sending(database, *targets) as sender:
            await wait_for(database, len(await heads(database.connection)), *targets)
            while len(await heads(database.connection)) < last:
                await sign(database, rules)
            await wait_for(database, last, *targets)
            await wait_for_metrics(sender, last)
    for place in places:
        lines = lines_of(place)
        assert [PublishedHead.of(line).signed.number for line in lines] == [2, 3, 4, 5]
        assert accepted(lines).seen.signed == (await heads(database.connection))[-1]


async def test_a_place_that_is_away_gets_all_heads_later(
    database: Projected, rules: HeadRules, tmp_path: Path
) -> None:
    """It is an alarm meanwhile, and the others are served."""
    async with webhook_receiver() as receiver:
        is_away = True
        receiver.answer = lambda headers: 503 if is_away else 204
        targets = configured_targets([receiver.address("/heads"), str(tmp_path / "copy.log")])
        alarms = MemoryAlarms("projector")
        await sign(database, rules)
        async with sending(database, *targets, alarms=alarms):
            await until_true(lambda: bool(receiver.calls), "the first head")
            await wait_for(database, 1, targets[1])
            for _ in range(2):
                await sign(database, rules)
            await wait_for(database, 3, targets[1])

            async def is_alarm() -> bool:
                return bool(await alarms.current())

            await until(is_alarm, "an alarm")
            (alarm,) = await alarms.current()
            assert (alarm.name, receiver.address("/heads") in alarm.details) == ("audit-heads", True)
            assert "it answers 503" in alarm.details
            assert "127.0.0.1" not in alarm.text
            assert await last_sent(database.connection, targets[0].name) is None
            is_away = False
            await wait_for(database, 3, targets[0])

            async def is_over() -> bool:
                return not await alarms.current()

            await until(is_over, "the end of the alarm")
        assert receiver.accepted == ["head-1", "head-2", "head-3"]
        assert accepted([body for _, _, body in receiver.calls[-3:]]).seen.signed.number == 3


async def test_the_api_reads_which_head_each_place_has(database: Projected) -> None:
    """Each place is there once, by name, with the last head that it took, in whatever order the receipts were added."""
    model = await PostgresReadModel.connect(database.url, 1)
    try:
        assert await model.head_places() == []
        for place, number, receipt in (("b", 2, b""), ("b", 10, b"token"), ("a", 3, b""), ("c", 1, b"")):
            at = NOW + timedelta(minutes=number)
            await add_receipt(database.connection, place, SentHead(number=number, at=at), receipt)
        places = await model.head_places()
        assert [(place.name, place.number, place.has_receipt) for place in places] == [
            ("a", 3, False),
            ("b", 10, True),
            ("c", 1, False),
        ]
        assert [place.sent_at - NOW for place in places] == [
            timedelta(minutes=place.number) for place in places
        ]
    finally:
        await model.close()


async def test_a_subject_of_another_server(
    database: Projected, rules: HeadRules, own_nats_server: NatsServer
) -> None:
    """A stream there stores each head once."""
    url = f"{own_nats_server.url(Service.ADMIN)}/heads.kinolog"
    (target,) = configured_targets([url])
    client = await nats.connect(own_nats_server.url(Service.ADMIN))
    try:
        jetstream = client.jetstream()
        await sign(database, rules)
        (first,) = await heads(database.connection)
        with pytest.raises(HeadNotSent, match="no response from stream"):
            await target.send(PublishedHead(signed=first))
        await jetstream.add_stream(name="HEADS", subjects=["heads.*"])
        async with sending(database, target):
            await wait_for(database, 1, target)
            await sign(database, rules)
            await wait_for(database, 2, target)
        await target.send(PublishedHead(signed=(await heads(database.connection))[1]))
        stored = await jetstream.stream_info("HEADS")
        assert stored.state.messages == 2
        lines = [((await jetstream.get_msg("HEADS", seq)).data or b"").decode() for seq in (1, 2)]
        assert accepted(lines).seen.signed.number == 2
    finally:
        await jetstream.delete_stream("HEADS")
        await target.close()
        await client.close()
    assert "@" not in target.name


async def test_a_timestamp_authority(database: Projected, rules: HeadRules) -> None:
    """Its token is stored, and proves the head to whoever trusts the authority. One head an hour is stamped."""
    async with timestamp_authority() as authority:
        (target,) = configured_targets([f"tsa+{authority.address}"])
        await sign(database, rules)
        async with sending(database, target):
            await wait_for(database, 1, target)
            await sign(database, rules)
        assert len(authority.requests) == 1
        cursor = await database.connection.execute("SELECT receipt FROM kinolog.tree_receipts")
        ((receipt,),) = await cursor.fetchall()
        (first, second) = await heads(database.connection)
        token = decode_timestamp_response(bytes(receipt))
        verifier = VerifierBuilder().add_root_certificate(authority.certificate).build()
        assert verifier.verify_message(token, first.note.encode())
        async with sending(database, target, now=NOW - timedelta(days=1)):  # the clock was a day ahead
            await wait_for(database, 2, target)
        authority.stamps = bytes(32)
        with pytest.raises(HeadNotSent, match="the authority stamped something else"):
            await target.send(PublishedHead(signed=second))
        authority.refuses = True
        with pytest.raises(HeadNotSent, match="refuses with status 2: not today"):
            await target.send(PublishedHead(signed=second))
        await target.close()
    assert target.every_seconds == timedelta(hours=1).total_seconds()


async def test_what_another_log_has_sent_stays(database: Projected, rules: HeadRules, tmp_path: Path) -> None:
    """An object, and a line of a file. A head that is not stored there is not noted as sent."""
    await sign(database, rules)
    (signed,) = await heads(database.connection)
    for place, text in (
        ((tmp_path / "store").as_uri(), "has another head: history was rewritten, or two logs use one place"),
        (str(tmp_path / "copy.log"), "has another head 1.*history was rewritten, or two logs use one file"),
    ):
        (target,) = configured_targets([place])
        for _ in range(2):
            await target.send(PublishedHead(signed=signed))
        with pytest.raises(HeadNotSent, match=text):
            await target.send(PublishedHead(signed=signed, proof=(bytes(32),)))
    for stored in (tmp_path / "store", tmp_path / "copy.log"):
        (line,) = lines_of(stored)
        assert json.loads(line)["note"] == signed.note


def test_a_token_in_an_address_is_not_in_its_name() -> None:
    """The name is in metrics, alarms and the database."""
    targets = configured_targets(
        ["https://user:secret@host/a?token=secret", "tsa+https://host/b?token=secret"]
    )
    assert [target.name for target in targets] == ["https://host/a?…", "tsa+https://host/b?…"]


async def test_the_doctor_says_how_the_tree_is(database: Projected, rules: HeadRules, tmp_path: Path) -> None:
    """Its last head, who has it, and commits that nobody signs."""

    async def checks(now: datetime | None = None) -> list[DoctorCheck]:
        return await asyncio.to_thread(tree_checks, database.url, now)

    (empty,) = await checks()
    assert (empty.status, empty.found) == ("ok", "no head is signed, of 0 commits")
    await archive(database.connection, 2)
    (unsigned,) = await checks()
    assert (unsigned.status, "KINOLOG_TREE_KEY_FILE" in unsigned.remedy) == ("warning", True)
    await sign(database, rules)
    place = tmp_path / "copy.log"
    async with sending(database, *configured_targets([str(place)])) as sender:
        await until_true(lambda: sender.metrics()[0].value == 1, "the head")
    (signed,) = await checks(NOW + timedelta(minutes=3))
    assert signed.status == "ok"
    assert signed.found == f"head 1 of 4 commits, signed 3 min ago; {place} has head 1"
    await archive(database.connection, 1)
    (late,) = await checks(NOW + timedelta(hours=2))
    assert (late.status, late.found.endswith("; 1 later commit not signed")) == ("warning", True)
    assert await asyncio.to_thread(tree_checks, "postgresql://127.0.0.1:9/none") == []


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("ftp://host/x", "ftp:// is no place for heads"),
        ("nats://user:secret@host:4222", "nats://host:4222 must be nats://HOST:PORT/SUBJECT"),
        ("nats://host/a.>", "must be nats://HOST:PORT/SUBJECT"),
        ("https://", "has no host"),
        ("tsa+https://", "has no host"),
        ("file://relative", "needs an absolute path"),
    ],
)
def test_places_that_are_none(place: str, problem: str) -> None:
    """They are refused by name, without credentials."""
    with pytest.raises(TargetUnusable) as refused:
        configured_targets([place])
    assert str(refused.value).startswith("KINOLOG_TREE_HEADS_TO: ")
    assert problem in str(refused.value)
    assert "secret" not in str(refused.value)
    with pytest.raises(TargetUnusable, match="is there twice"):
        configured_targets(["a.log", "a.log"])
