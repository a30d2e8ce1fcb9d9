"""E-mail, to a mail server on this machine."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address
from pathlib import Path

import pytest
from kinolog_projector.webhooks.call_outcome import CallOutcome, NextTry
from kinolog_projector.webhooks.mail_call import MailCalls
from kinolog_projector.webhooks.mail_message import mail_message

from kinolog.job.values import Status
from kinolog.process.setting_groups.mail import sender_of
from kinolog.webhooks.events import WebhookEvent
from kinolog.webhooks.mail_server import MailServer
from kinolog.webhooks.messages import JobNews, message_body
from tests.builders.certificates import Authority
from tests.builders.mail_receiver import PASSWORD, USER, MailReceiver, mail_receiver

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
MAILBOX = "ada@example.org"
DELIVERY = "dlv_" + "a" * 26


def body_of(event: WebhookEvent = WebhookEvent.FAILED, public_url: str = "https://kinolog.example") -> bytes:
    """Return a message about a job."""
    news = JobNews(
        message_id="msg_1",
        type=event,
        at=AT,
        job_id="j" * 26,
        tenant="default",
        actor="ada",
        status=Status.FAILED,
        attempt=1,
        error_code="OUT_OF_MEMORY" if event is WebhookEvent.FAILED else "",
    )
    return message_body(news, public_url)


@pytest.fixture
async def mail() -> AsyncIterator[MailReceiver]:
    """A mail server without TLS."""
    async with mail_receiver() as receiver:
        yield receiver


async def sent(
    server: MailServer, context: ssl.SSLContext | None = None, seconds: float = 30.0
) -> CallOutcome:
    """Send an e-mail."""
    calls = MailCalls(server, ssl_context=context, call_seconds=seconds)
    return await calls.send(MAILBOX, body_of(), DELIVERY, AT)


async def test_the_mail_arrives_encrypted(tmp_path: Path) -> None:
    """With the password of the settings, to one mailbox, and only if the certificate is that of the server."""
    authority = Authority(tmp_path, "authority")
    issued = authority.issue("mail")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    trusting = ssl.create_default_context(cafile=str(authority.file))
    async with mail_receiver(context) as receiver:
        server = replace(receiver.server, host="localhost", starttls=True, user=USER, password=PASSWORD)
        assert (await sent(server, trusting)).is_accepted
        wrong = await sent(replace(server, password="no"), trusting)
        assert (wrong.status_code, wrong.retry) == (535, NextTry.FOR_DAYS)
        untrusted = await sent(server)
        assert ("no secure connection" in untrusted.error, untrusted.retry) == (True, NextTry.FOR_DAYS)
    ((recipients, mail),) = receiver.arrived
    assert (recipients, mail["To"], mail["From"]) == ([MAILBOX], MAILBOX, "kinolog <kinolog@example.com>")
    assert mail["Message-ID"] == f"<{DELIVERY}@example.com>"
    text = mail.get_content().replace("\r\n", "\n")
    for part in ("j" * 26, "Reason: OUT_OF_MEMORY", f"Job: https://kinolog.example/jobs/{'j' * 26}\n"):
        assert part in text


@pytest.mark.parametrize(
    ("recipient", "data", "retry"),
    [
        ("450 later", "250 OK", NextTry.FOR_DAYS),
        ("550 nobody here", "250 OK", NextTry.GONE),
        ("554 5.1.1 nobody here", "250 OK", NextTry.GONE),
        ("554 5.7.1 relay access denied", "250 OK", NextTry.FOR_DAYS),
        ("550 5.1.8 the domain of the sender is not found", "250 OK", NextTry.FOR_DAYS),
        ("504 5.5.2 the name in EHLO has no domain", "250 OK", NextTry.FOR_DAYS),
        ("530 log in first", "250 OK", NextTry.FOR_DAYS),
        ("250 OK", "452 no space", NextTry.FOR_DAYS),
        ("250 OK", "554 no", NextTry.NEVER),
    ],
)
async def test_what_a_mail_server_refuses(
    mail: MailReceiver, recipient: str, data: str, retry: NextTry
) -> None:
    """Answers of 400, and those about who sends, are tried again; a mailbox that the server does not have is gone."""
    mail.recipient_answer, mail.data_answer = recipient, data
    outcome = await sent(mail.server)
    refusal = next(answer for answer in (recipient, data) if not answer.startswith("250"))
    assert (outcome.status_code, outcome.retry) == (int(refusal[:3]), retry)
    assert ("the mail server does not take" in outcome.error, outcome.is_accepted) == (True, False)
    assert mail.arrived == []


async def test_a_mail_server_that_cannot_be_used(mail: MailReceiver) -> None:
    """Nobody there, silence, or no TLS where it is needed: the e-mail waits, and no password is sent."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    quiet = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with quiet:
        port = quiet.sockets[0].getsockname()[1]
        for server, seconds, error in (
            (replace(mail.server, port=1), 30.0, "no connection to the mail server"),
            (replace(mail.server, port=port), 0.1, "no answer of the mail server within 0.1 s"),
            (replace(mail.server, starttls=True, user=USER, password=PASSWORD), 30.0, "offers no STARTTLS"),
        ):
            outcome = await sent(server, seconds=seconds)
            assert error in outcome.error
            assert (outcome.status_code, outcome.retry) == (0, NextTry.FOR_DAYS)


@pytest.mark.parametrize(
    ("name", "mailbox"), [("Größe, ü", MAILBOX), ('"a" <eve@example.net>', "a=b.c+d{x}@example.org")]
)
def test_nothing_becomes_a_header_or_a_recipient(name: str, mailbox: str) -> None:
    """Whatever the display name of the sender is."""
    sender = Address(name, "kinolog", "example.com")
    body = body_of(WebhookEvent.COMPLETED, "")
    mail = mail_message(body, delivery_id=DELIVERY, sender=sender, mailbox=mailbox, now=AT)
    head, _, text = mail.as_bytes().partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert sorted(names) == sorted(
        b"From To Subject Date Message-ID Auto-Submitted Content-Type Content-Transfer-Encoding MIME-Version".split()
    )
    assert mail["To"].addresses[0].addr_spec == mailbox
    assert [one.addr_spec for one in mail["From"].addresses] == ["kinolog@example.com"]
    assert b"http" not in text


ENCODED = "=?utf-8?q?x=0D=0ABcc=3A_eve?="


@pytest.mark.parametrize(
    ("name", "mailbox"),
    [
        ("", "a\r\nBcc: eve@b.example"),
        ("", "a@b.example\r\nBcc: eve@b.example"),
        ("", f"{ENCODED}@b.example"),
        (ENCODED, MAILBOX),
    ],
)
def test_no_second_line_in_an_address(name: str, mailbox: str) -> None:
    """Not even an encoded one. No such address passes the checks before."""
    sender = Address(name, "kinolog", "example.com")
    with pytest.raises(ValueError, match=r"encoded word|CR or LF"):
        mail_message(body_of(), delivery_id=DELIVERY, sender=sender, mailbox=mailbox, now=AT)


@pytest.mark.parametrize(
    "text",
    [
        "kinolog",
        "a@b, c@d",
        "k <a@b>\r\nBcc: c@d",
        f"{ENCODED} <a@b>",
        "kä@example.com",
        "a b@example.com",
        "<@example.com>",
    ],
)
def test_what_is_no_sender(text: str) -> None:
    """It is refused at the start."""
    with pytest.raises(ValueError, match="must be a mailbox such as"):
        sender_of(text)


def test_a_sender_may_have_a_name() -> None:
    """In any language."""
    for text in ("Größe <a@example.com>", "a@example.com"):
        assert sender_of(text).addr_spec == "a@example.com"
