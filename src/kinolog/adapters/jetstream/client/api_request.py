"""Requests to JetStream's own API, and the ways in which NATS says that it did not answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import nats.errors
from nats.aio.client import Client

from kinolog.ports.event_store import LogUnavailable

ANSWER_SECONDS = 5.0
"""How long one request waits for its answer."""

NO_ANSWER = (
    nats.errors.TimeoutError,
    nats.errors.NoRespondersError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionDrainingError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.StaleConnectionError,
    OSError,
)
"""What a request raises when nobody answered: whether the server acted on it is unknown."""

STREAM_NOT_FOUND = 10059
WRONG_LAST_SEQUENCE = (10071, 10164)
"""An append that does not build on its subject's tail: the first on one replica, the second on several."""


class JetStreamApiError(Exception):
    """JetStream refused a request. `number` is its error code, such as 10071."""

    def __init__(self, subject: str, error: Mapping[str, Any]) -> None:
        self.number = int(error.get("err_code", 0))
        self.status = int(error.get("code", 0))
        self.description = str(error.get("description", ""))
        super().__init__(f"{subject}: {self.description} ({self.number})")


async def api_request(
    client: Client,
    subject: str,
    body: Mapping[str, object] | None = None,
    *,
    answer_seconds: float = ANSWER_SECONDS,
) -> dict[str, Any]:
    """Ask JetStream's API. Raises `JetStreamApiError` when it refuses, `LogUnavailable` when nothing answers."""
    payload = json.dumps(body).encode() if body is not None else b""
    try:
        message = await client.request(subject, payload, timeout=answer_seconds)
    except NO_ANSWER as error:
        raise LogUnavailable(f"{subject}: {str(error) or type(error).__name__}") from error
    answer: dict[str, Any] = json.loads(message.data)
    if "error" in answer:
        raise JetStreamApiError(subject, answer["error"])
    return answer
