"""Requests to the JetStream API, and the errors of requests that got no answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import nats.errors
from nats.aio.client import Client

from kinolog.ports.event_store import LogUnavailable

ANSWER_SECONDS = 5.0
"""Timeout of one request."""

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
"""Errors of a request that got no answer. Whether the server acted on it is unknown."""

STREAM_NOT_FOUND = 10059
STREAM_NAME_IN_USE = 10058
CONSUMER_NOT_FOUND = 10014
WRONG_LAST_SEQUENCE = (10071, 10164)
"""An append that does not build on its subject's tail: the first code on one replica, the second on several."""


class JetStreamApiError(Exception):
    """JetStream refused a request. `number` is its error code, such as 10071; `status` is like an HTTP status."""

    def __init__(self, subject: str, error: Mapping[str, Any]) -> None:
        self.number = int(error.get("err_code", 0))
        self.status = int(error.get("code", 0))
        self.description = str(error.get("description", ""))
        super().__init__(f"{subject}: {self.description} ({self.number})")


def log_unavailable(what: str, error: Exception) -> LogUnavailable:
    """Return the error to raise for a request that got no answer; `what` names the request."""
    return LogUnavailable(f"{what}: {str(error) or type(error).__name__}")


async def api_request(
    client: Client,
    subject: str,
    body: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return the answer to a request. Raises `JetStreamApiError` for a refusal, `LogUnavailable` without an answer."""
    payload = json.dumps(body).encode() if body is not None else b""
    try:
        message = await client.request(subject, payload, timeout=ANSWER_SECONDS)
    except NO_ANSWER as error:
        raise log_unavailable(subject, error) from error
    answer: dict[str, Any] = json.loads(message.data)
    if "error" in answer:
        raise JetStreamApiError(subject, answer["error"])
    return answer


async def purge(client: Client, stream: str, messages: Mapping[str, object]) -> None:
    """Delete the messages of a stream that a filter selects. Raises `LogUnavailable`, for a refusal too."""
    try:
        await api_request(client, f"$JS.API.STREAM.PURGE.{stream}", messages)
    except JetStreamApiError as error:
        raise LogUnavailable(str(error)) from error
