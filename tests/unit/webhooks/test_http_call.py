"""Calls of webhooks, to a receiver on this machine."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kinolog_projector.webhooks.http_call import ANSWER_BYTES, HttpCalls

from kinolog.webhooks.address import AddressRules, WebhookAddress, parse_webhook_address

RULES = AddressRules(allow_http=True, networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")))


@asynccontextmanager
async def receiver(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]], context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Listen on a port; yield it, and the requests that arrive. Each is answered, and its connection closed."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            requests.append(head + await reader.readexactly(2))
            await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], requests
    finally:
        server.close()


def answered(text: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Return an answer."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return answer


async def endless(writer: asyncio.StreamWriter) -> None:
    """Answer without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def silent(writer: asyncio.StreamWriter) -> None:
    """Answer nothing until the connection is closed."""
    await writer.wait_closed()


@pytest.fixture
async def calls() -> AsyncIterator[HttpCalls]:
    """What calls receivers on this machine."""
    made = HttpCalls(RULES)
    yield made
    await made.close()


async def test_the_call_arrives_once(calls: HttpCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the host of the address; a redirect is an answer like another one, and no proxy is asked."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    moved = answered(b"HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 3\r\n\r\nabc")
    async with receiver(moved) as (port, requests):
        address = parse_webhook_address(f"http://localhost:{port}/hook?a=b", RULES)
        outcome = await calls.post(address, b"{}", {"webhook-id": "msg_1"})
        assert (outcome.status_code, outcome.response_bytes, outcome.is_accepted) == (307, 3, False)
        (request,) = requests
    head = request.decode().lower()
    assert head.startswith("post /hook?a=b http/1.1\r\n")
    for line in (f"host: localhost:{port}", "webhook-id: msg_1", "content-type: application/json"):
        assert f"\r\n{line}\r\n" in head


async def test_an_answer_without_end_is_left(calls: HttpCalls) -> None:
    """The status counts, and no more than the first bytes are read."""
    async with receiver(endless) as (port, _):
        outcome = await calls.post(parse_webhook_address(f"http://127.0.0.1:{port}/", RULES), b"{}", {})
    assert (outcome.is_accepted, outcome.response_bytes) == (True, ANSWER_BYTES)


async def test_calls_do_not_wait_for_each_other(calls: HttpCalls) -> None:
    """A receiver that answers only when twenty calls are there gets them all at once."""
    there = asyncio.Barrier(20)

    async def together(writer: asyncio.StreamWriter) -> None:
        await there.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with receiver(together) as (port, _):
        address = parse_webhook_address(f"http://127.0.0.1:{port}/", RULES)
        outcomes = await asyncio.gather(*(calls.post(address, b"{}", {}) for _ in range(20)))
    assert all(outcome.is_accepted for outcome in outcomes)


async def test_what_ends_without_an_answer() -> None:
    """Silence, no HTTP, a port that nobody listens on, and names whose addresses must not be called."""
    calls = HttpCalls(RULES, call_seconds=0.2)
    closed, public = HttpCalls(AddressRules()), parse_webhook_address("https://localhost/", AddressRules())
    async with receiver(silent) as (port, _), receiver(answered(b"220 mail\r\n")) as (other, _):
        for host, error in (
            (f"127.0.0.1:{port}", "no answer within 0.2 s"),
            (f"127.0.0.1:{other}", "is no HTTP"),
            ("127.0.0.1:1", "no connection"),
        ):
            outcome = await calls.post(parse_webhook_address(f"http://{host}/", RULES), b"{}", {})
            assert (outcome.status_code, outcome.is_accepted) == (0, False)
            assert error in outcome.error
    refused = (await closed.post(public, b"{}", {})).error
    assert ("must not be called" in refused, "localhost" in refused) == (True, False)
    no_name = WebhookAddress(text="https://a..b/", scheme="https", host="a..b", port=443)
    assert "cannot be resolved" in (await calls.post(no_name, b"{}", {})).error
    await calls.close()
    await closed.close()


async def test_the_certificate_is_that_of_the_name(tmp_path: Path) -> None:
    """TLS asks for the name in the address although the connection is to the address that was resolved."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "receiver.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    trusting = HttpCalls(RULES, ssl_context=ssl.create_default_context(cafile=str(pem)))
    async with receiver(answered(b"HTTP/1.1 204 No Content\r\n\r\n"), context) as (port, _):
        for host, accepted in (("localhost", True), ("127.0.0.1", False)):
            outcome = await trusting.post(parse_webhook_address(f"https://{host}:{port}/", RULES), b"{}", {})
            assert (outcome.is_accepted, "no secure connection" in outcome.error) == (accepted, not accepted)
    await trusting.close()
