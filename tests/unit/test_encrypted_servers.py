"""TLS to NATS and Postgres: which servers are trusted, and that nothing is sent to one that does not encrypt."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.settings import LogSettings
from kinolog.readmodel.database import writer_connection
from tests.builders.certificates import Authority, IssuedFiles


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    """The authority of the servers, and one that issued nothing of theirs."""
    folder = tmp_path_factory.mktemp("certificates")
    return Authority(folder, "ours"), Authority(folder, "other")


def server_context(authority: Authority, files: IssuedFiles) -> ssl.SSLContext:
    """Return the context of a server that wants certificates of its authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    context.load_cert_chain(files.certificate, files.key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def broker(context: ssl.SSLContext | None, received: list[bytes]) -> AsyncIterator[int]:
    """Run a server that speaks as NATS does up to the first pong, encrypted with a context. Yield its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            required = b"true" if context else b"false"
            writer.write(
                b'INFO {"headers": true, "max_payload": 1048576, "tls_required": ' + required + b"}\r\n"
            )
            if context is not None:
                await writer.start_tls(context)
            while line := await reader.readline():
                received.append(line)
                if line == b"PING\r\n":
                    writer.write(b"PONG\r\n")
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_nats_is_reached_encrypted(authorities: tuple[Authority, Authority]) -> None:
    """A broker of the named authority is used, with the certificate that it wants; one of another is named at once."""
    ours, other = authorities
    shown, received = ours.issue("worker"), list[bytes]()
    async with broker(server_context(ours, ours.issue("broker")), received) as port:
        settings = LogSettings(
            nats_url=f"tls://127.0.0.1:{port}",
            nats_ca_file=ours.file,
            nats_certificate=shown.certificate,
            nats_key=shown.key,
        )
        client = await connect(settings, Service.WORKER)
        await client.close()
        assert b"CONNECT" in received[0]
        wrong = settings.model_copy(update={"nats_ca_file": other.file})
        with pytest.raises(LogUnavailable, match=r"tls://127\.0\.0\.1.*as worker.*CERTIFICATE_VERIFY_FAILED"):
            await connect(wrong, Service.WORKER)


@pytest.mark.parametrize("scheme", ["tls", "nats"])
async def test_nothing_is_sent_to_a_broker_that_does_not_encrypt(
    authorities: tuple[Authority, Authority], scheme: str
) -> None:
    """Whether the URL demands it or the named authority: the password is not sent in plain."""
    received = list[bytes]()
    async with broker(None, received) as port:
        settings = LogSettings(
            nats_url=f"{scheme}://127.0.0.1:{port}",
            nats_ca_file=None if scheme == "tls" else authorities[0].file,
            nats_user="worker",
            nats_password="secret",
        )
        with pytest.raises(LogUnavailable, match="does not encrypt"):
            await connect(settings, Service.WORKER)
    assert not received


async def test_files_of_the_broker_that_cannot_be_used(tmp_path: Path) -> None:
    """The error names the file."""
    settings = LogSettings(nats_url="tls://127.0.0.1:1", nats_ca_file=tmp_path / "none.pem")
    with pytest.raises(LogUnavailable, match=r"none\.pem"):
        await connect(settings, Service.API)


async def test_postgres_is_reached_encrypted(authorities: tuple[Authority, Authority]) -> None:
    """The URL names the authority and the certificate to show; the server of another authority gets no password."""
    ours, other = authorities
    context, shown, received = server_context(ours, ours.issue("postgres")), ours.issue("api"), list[bytes]()
    shown.key.chmod(0o600)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readexactly(8)
            writer.write(b"S")
            await writer.start_tls(context)
            received.append(await reader.read(1_000))
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        shows = f"sslcert={shown.certificate}&sslkey={shown.key}"
        for authority, told in ((ours, "server closed|EOF|SSL"), (other, "certificate verify failed")):
            url = f"postgresql://kinolog:secret@127.0.0.1:{port}/kinolog?sslmode=verify-full&{shows}"
            with pytest.raises(psycopg.OperationalError, match=told):
                await writer_connection(f"{url}&sslrootcert={authority.file}", "test")
    assert len([text for text in received if text]) == 1
    assert b"user\0kinolog" in received[0]
