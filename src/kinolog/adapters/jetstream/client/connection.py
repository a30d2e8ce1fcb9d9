"""The connection to NATS of every process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any
from urllib.parse import ParseResult

import nats.errors
from nats.aio.client import DEFAULT_BUFFER_SIZE, DEFAULT_FLUSH_TIMEOUT, Client, Srv
from nats.aio.msg import Msg
from nats.aio.transport import TcpTransport

from kinolog.adapters.jetstream.client.headers import LINE, MessageHeaders, parsed_headers
from kinolog.adapters.jetstream.subjects import Service, inbox_prefix
from kinolog.adapters.jetstream.websocket_library import load_websockets
from kinolog.connections.tls import CertificateUnusable
from kinolog.network_addresses import nats_urls, without_credentials
from kinolog.ports.event_store import LogUnavailable
from kinolog.process.settings import LogSettings
from kinolog.process.tasks import end_tasks

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 30.0
"""How long `connect` tries to reach a server."""
PING_SECONDS = 5
"""A server that vanished is noticed after two of these."""

RECONNECT_SECONDS = 0.25
CLOSE_SECONDS = 3.0
"""How long a close waits for a server that does not read what was sent to it."""

LOGIN_REFUSALS = ("authorization violation", "authentication")
"""One of these is in the error of a server that refuses a user, in lower case."""


class Unencrypted(nats.errors.Error):
    """A server does not encrypt a connection that has to be encrypted."""


class _ConnectionEvents:
    """Callbacks of the client: logs changes of the connection. `refused` is set if the server refuses the user."""

    def __init__(self, client: Connection, service: Service) -> None:
        self._client = client
        self._service = service.value
        self.refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._unreachable = False

    async def error(self, error: Exception) -> None:
        """Log an error. A permission violation shows only here; the caller that waits for an answer gets a timeout."""
        text = str(error) or type(error).__name__
        if "permissions violation" in text.lower():
            logger.error("NATS refuses the user %s: %s", self._service, text)
        elif any(word in text.lower() for word in LOGIN_REFUSALS):
            logger.error("NATS refuses to log the user %s in: %s", self._service, text)
            if not self.refused.done():
                self.refused.set_result(text)
        elif isinstance(error, ssl.SSLError | Unencrypted):
            logger.error("NATS is not reached as %s over TLS: %s", self._service, text)
            if not self.refused.done():
                self.refused.set_result(text)
        elif isinstance(error, OSError | nats.errors.UnexpectedEOF | nats.errors.StaleConnectionError):
            level = logging.DEBUG if self._unreachable else logging.WARNING
            self._unreachable = True
            logger.log(level, "NATS is unreachable, reconnecting: %s", text)
        else:
            logger.error("NATS events: %s", text)

    async def disconnected(self) -> None:
        if not self._client.is_closed:
            logger.warning("disconnected from NATS")

    async def reconnected(self) -> None:
        self._unreachable = False
        logger.info("reconnected to NATS")

    async def closed(self) -> None:
        if self._client.closed_by_us:
            logger.info("connection to NATS closed")
        else:  # the client closes on errors that it does not know
            logger.critical("the connection to NATS is closed and is not opened again; ending this process")
            self._client.on_lost()


class _Transport(TcpTransport):
    """A transport whose waits end with their own cancellation only, and lose neither that nor a socket."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        async with asyncio.timeout(connect_timeout):
            reader, writer = await asyncio.open_connection(uri.hostname, uri.port, limit=buffer_size)
        self._bare_io_reader = self._io_reader = reader
        self._bare_io_writer = self._io_writer = writer

    async def wait_closed(self) -> None:
        """Wait until the socket is closed. All who wait share a future, which a cancellation of one would cancel."""
        if self._io_writer is not None:
            await asyncio.shield(self._io_writer.wait_closed())


class Connection(Client):
    """The client with faster headers, waits that lose no cancellation, and a close that succeeds without a server."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        return parsed_headers(raw)

    async def _process_headers(self, headers: bytes) -> Any:
        if headers and headers.startswith(LINE) and len(headers) > len(LINE) + 2:  # without a status
            return MessageHeaders(bytes(headers[len(LINE) - 2 :]))
        return await super()._process_headers(headers)

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, Any] | None
    ) -> None:
        """Send a message. The client's method took as long as the rest of a publish; a test compares both."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in (headers or {}).items()])
        if not lines or lines.count("\n") != len(headers or {}):
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            return
        block = f"NATS/1.0\r\n{lines}\r\n".encode()
        size = len(block)
        line = f"HPUB {subject} {reply} {size} {size + payload_size}\r\n".encode()
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        await self._send_command(b"".join((line, block, payload, b"\r\n")))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    async def _request_new_style(
        self,
        subject: str,
        payload: bytes,
        timeout: float = 1,  # noqa: ASYNC109 - the client's signature
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Return the answer to a request. The client's method loses a cancellation that arrives with the answer."""
        if self.is_draining_pubs:
            raise nats.errors.ConnectionDrainingError
        if not self._resp_sub_prefix:
            await self._init_request_sub()
        prefix = (self._resp_sub_prefix or bytearray()).decode()
        token = self._nuid.next().decode() + token_hex(2)
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._resp_map[token] = answer
        try:
            await self.publish(subject, payload, reply=prefix + token, headers=headers)
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise nats.errors.TimeoutError from None
        finally:
            self._resp_map.pop(token, None)

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        """Wake the task that writes. Never waits for it.

        The client's method waits for room in a queue of wake-ups. While a server does not read, the queue fills, and
        the pings that would notice that server wait for room too. One wake-up covers all that is to be written.
        """
        writer = self._flusher_task
        if force_flush or not self.is_connected or writer is None or writer.done():
            return await super()._flush_pending(force_flush)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._flush_queue is not None and self._flush_queue.empty():
            self._flush_queue.put_nowait(woken)
        return woken

    async def _send_ping(self, future: asyncio.Future[Any] | None = None) -> None:
        """Send a ping behind everything that waits to be written.

        The client's method sends it before, so that the answer of a flush said nothing about a subscription made
        just before it: messages of other clients passed by.
        """
        if self._pending and self._transport is not None:
            self._transport.writelines(self._pending[:])
            self._pending = []
            self._pending_data_size = 0
        await super()._send_ping(future)

    async def flush(self, timeout: int = DEFAULT_FLUSH_TIMEOUT) -> None:  # noqa: ASYNC109 - the client's signature
        """Wait until the server has read what was sent. Fails at once while disconnected, as a publish does.

        The client's method loses cancellations too, and writes to a lost socket: uvloop answers that with RuntimeError.
        """
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        if not self.is_connected:
            raise nats.errors.ConnectionReconnectingError
        pong: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                try:
                    await self._send_ping(pong)
                except RuntimeError as error:  # the socket was lost, and the client has not noticed yet
                    raise nats.errors.ConnectionReconnectingError from error
                await asyncio.shield(pong)  # the client stops reading when an answer meets a cancelled future
        except TimeoutError:
            raise nats.errors.FlushTimeoutError from None

    async def _attempt_reconnect(self) -> None:
        """Reconnect. The client would wait without end if this task failed; the process is ended instead.

        It would also wait until the lost server has read what is left to write, which one that vanished never does.
        """
        self._abort_transport()
        try:
            await super()._attempt_reconnect()
        except Exception:
            logger.critical(
                "the connection to NATS cannot be opened again; ending this process", exc_info=True
            )
            self.on_lost()

    async def _connect_to_server(self, s: Srv) -> None:
        """Connect to a server. The client forgets the socket of a handshake that failed; it is closed here."""
        self._abort_transport()
        self._transport = None
        if s.uri.scheme in ("ws", "wss"):
            load_websockets()
            await super()._connect_to_server(s)
            return
        s.last_attempt = time.monotonic()
        self._transport = _Transport()
        await self._transport.connect(s.uri, DEFAULT_BUFFER_SIZE, self.options["connect_timeout"])

    def _abort_transport(self) -> None:
        """Close the socket now; what was not sent is dropped. Asyncio may not be told to abort what is closed."""
        writer = getattr(self._transport, "_io_writer", None)
        if isinstance(writer, asyncio.StreamWriter):
            used = writer.get_extra_info("socket")
            if used is not None and used.fileno() != -1:
                writer.transport.abort()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Take in what the server says of itself, before anything is sent to it.

        The client would send user and password in plain to a server that does not ask for encryption, also if its URL
        is tls://. Raises `Unencrypted` then.
        """
        server = self._current_server  # one behind a proxy that encrypts does not know of it
        is_encrypted = info.get("tls_required") or (server is not None and server.uri.scheme == "wss")
        if self.requires_tls and initial_connection and not is_encrypted:
            raise Unencrypted(
                "the server does not encrypt the connection, as its URL or KINOLOG_NATS_CA_FILE demands"
            )
        await super()._process_info(info, initial_connection)

    requires_tls = False
    """Whether only encrypted connections are made."""

    closed_by_us = False
    """Whether this process closed the connection."""

    on_lost: Callable[[], None] = staticmethod(lambda: None)
    """Called when the connection is closed and is not opened again."""

    async def close(self) -> None:
        """Close the connection, whatever it is doing. What the server does not read in time is dropped.

        The client would wait for the end of its own reconnect together with the reconnect, so that the cancellation
        of the one hits the other, and it would forget the socket of a server that does not read.
        """
        self.closed_by_us = True
        reconnect = self._reconnection_task
        if reconnect is not None and reconnect is not asyncio.current_task():
            await end_tasks((reconnect,))
        if not self.is_connected:  # the client would write it to the lost socket; Python 3.12 raises then
            self._pending = []
            self._pending_data_size = 0
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await super().close()
        finally:
            self._abort_transport()


async def connect(
    settings: LogSettings,
    service: Service,
    *,
    connect_seconds: float = CONNECT_SECONDS,
    on_lost: Callable[[], None] = lambda: None,
) -> Connection:
    """Return a connection as `service`. It reconnects without end; the caller closes it.

    `on_lost` is called if it is closed by an error that the client does not recover from: end the process, so that
    it is started again.

    Nothing is buffered while disconnected: a publish fails at once. A buffered one would time out for its caller and
    be stored later. Raises `LogUnavailable` if no server accepts the user within `connect_seconds`.
    """
    client = Connection()
    client.on_lost = on_lost
    certificates = settings.nats_certificates()
    client.requires_tls = settings.demands_encryption
    try:
        tls = None if certificates is None else certificates.context()
    except CertificateUnusable as error:
        raise LogUnavailable(f"cannot connect to NATS: {error}") from error
    events = _ConnectionEvents(client, service)
    password = settings.nats_password
    connecting = asyncio.ensure_future(
        client.connect(
            servers=nats_urls(settings.nats_url),
            user=settings.nats_user,
            password=password.get_secret_value() if password else None,
            name=f"kinolog-{service.value}",
            inbox_prefix=inbox_prefix(service),
            pending_size=0,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]  # annotated int, used as seconds
            error_cb=events.error,
            disconnected_cb=events.disconnected,
            reconnected_cb=events.reconnected,
            closed_cb=events.closed,
            tls=tls,
        )
    )
    connected = False
    try:
        outcomes: list[asyncio.Future[Any]] = [connecting, events.refused]
        await asyncio.wait(outcomes, timeout=connect_seconds, return_when=asyncio.FIRST_COMPLETED)
        failure: BaseException | None = None
        why = events.refused.result() if events.refused.done() else f"no answer in {connect_seconds:g} s"
        if connecting.done() and not connecting.cancelled():
            failure = connecting.exception()
            if failure is None:
                connected = True  # although it may be lost again by now; then the client reconnects
                return client
            why = str(failure) or type(failure).__name__  # something other than NATS may answer with anything
        servers = ", ".join(map(without_credentials, nats_urls(settings.nats_url)))
        raise LogUnavailable(f"cannot connect to NATS at {servers} as {service.value}: {why}") from failure
    finally:
        if not connected:
            await end_tasks((connecting,))
            await client.close()
