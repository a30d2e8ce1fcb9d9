"""Signed heads as messages of another NATS server or account, on a subject that a stream there stores."""

from __future__ import annotations

from urllib.parse import urlsplit

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client

from kinolog.merkle.witness import PublishedHead
from kinolog.network_addresses import without_credentials
from kinolog.ports.tree.head_target import HeadNotSent

SECONDS = 10.0


class SubjectHeads:
    """Publishes each head and waits until a stream has stored it. One that comes again soon is stored once.

    The address is `nats://USER:PASSWORD@HOST:PORT/SUBJECT`, or `tls://` for an encrypted connection.
    """

    every_seconds = 0.0

    def __init__(self, url: str) -> None:
        """Take an address. Raises `ValueError`."""
        parts = urlsplit(url)
        self._subject = parts.path.removeprefix("/")
        self._server = parts._replace(path="").geturl()
        self._name = without_credentials(url)
        self._client: Client | None = None
        if not parts.hostname or not self._subject or any(sign in self._subject for sign in "*> /"):
            raise ValueError(f"{self._name} must be nats://HOST:PORT/SUBJECT")

    @property
    def name(self) -> str:
        return self._name

    async def send(self, head: PublishedHead) -> bytes:
        stated = head.signed.head
        headers = {"Nats-Msg-Id": f"{stated.origin}/{head.signed.number}"}
        try:
            if self._client is None or self._client.is_closed:
                self._client = await nats.connect(
                    self._server,
                    connect_timeout=SECONDS,
                    max_reconnect_attempts=0,
                    allow_reconnect=False,
                    error_cb=_ignored,
                )
            await self._client.jetstream().publish(
                self._subject, head.line.encode(), timeout=SECONDS, headers=headers
            )
        except (nats.errors.Error, nats.js.errors.Error, OSError, ValueError) as error:
            raise HeadNotSent(str(error) or type(error).__name__) from error
        return b""

    async def close(self) -> None:
        if self._client is not None and not self._client.is_closed:
            await self._client.close()


async def _ignored(error: Exception) -> None:
    """The publish that fails says it."""
