"""One call of a webhook over HTTP: to the address that was checked, without redirects, proxies and long answers.

httpcore is used as it is: httpx would follow settings of the environment, and cannot be told whom to connect to.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import httpcore

from kinolog.webhooks.address import AddressRules, UnusableAddress, WebhookAddress
from kinolog.webhooks.resolution import resolved_ips
from kinolog_projector.webhooks.call_outcome import CallOutcome, NextTry, is_tls_failure

CALL_SECONDS = 15.0
"""Time for a whole call: the resolution of the name, the connection, and the answer."""
ANSWER_BYTES = 64 * 1024
"""Most bytes of an answer that are read. They are counted and not kept."""
IDLE_SECONDS = 10.0
"""How long a connection waits for the next call."""
NOT_ALLOWED = (
    "the address is not allowed, or its host has one that must not be called. Whoever runs kinolog can allow its "
    "network: KINOLOG_WEBHOOK_NETWORKS"
)
"""It names no host: what is noted about a call outlives the address, which is sealed and may be erased."""
NOT_SECURE = "no secure connection: the certificate or the protocol is not accepted"
GONE = 410
"""Status with which a receiver says that it wants no more calls."""
USER_AGENT = f"kinolog/{version('kinolog')} (webhooks)"


class CheckedConnections(httpcore.AsyncNetworkBackend):
    """Connects to addresses that the rules allow, and to no other one that the same name may have a moment later."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, *options: Any, **named_options: Any
    ) -> httpcore.AsyncNetworkStream:
        """Connect. TLS and the header Host have the name, as they were given. The options are those of httpcore."""
        error: Exception = httpcore.ConnectError("no address")
        for ip in await resolved_ips(host, port, self._rules):
            try:
                return await self._backend.connect_tcp(ip, port, *options, **named_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    async def sleep(self, seconds: float) -> None:
        """Wait between two tries of a connection."""
        await self._backend.sleep(seconds)


class HttpCalls:
    """Calls receivers. Close it after use."""

    def __init__(
        self,
        rules: AddressRules,
        *,
        call_seconds: float = CALL_SECONDS,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._call_seconds = call_seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or ssl.create_default_context(),
            max_connections=None,  # whoever calls bounds the calls; ten is what it does by itself
            max_keepalive_connections=32,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=CheckedConnections(rules),
        )

    async def post(self, address: WebhookAddress, body: bytes, headers: Mapping[str, str]) -> CallOutcome:
        """Send a message, and return how that ended."""
        began = time.monotonic()
        status_code, received, error = 0, 0, ""
        try:
            async with asyncio.timeout(self._call_seconds):
                request = {"user-agent": USER_AGENT, "content-type": "application/json", **headers}
                async with self._pool.stream(
                    "POST", address.text, headers=tuple(request.items()), content=body
                ) as answer:
                    status_code = answer.status
                    async for chunk in answer.aiter_stream():
                        received += len(chunk)
                        if received > ANSWER_BYTES:
                            break
        except UnusableAddress:
            error = NOT_ALLOWED
        except (TimeoutError, httpcore.TimeoutException):
            error = f"no answer within {self._call_seconds:g} s"
        except socket.gaierror:
            error = "the name of the host cannot be resolved"
        except (ssl.SSLError, httpcore.ConnectError) as failed:
            error = NOT_SECURE if is_tls_failure(failed) else "no connection"
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            error = "the connection was lost, or the answer is no HTTP"
        return CallOutcome(
            status_code=status_code,
            response_bytes=min(received, ANSWER_BYTES),
            milliseconds=round((time.monotonic() - began) * 1000),
            error=error if not status_code else "",  # after a status the rest of the answer does not matter
            retry=NextTry.GONE if status_code == GONE else NextTry.USUAL,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()
