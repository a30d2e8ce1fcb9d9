"""What happens to a job, live: over WebSocket, or by asking again and again where there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from kinolog_cli.gateway import Gateway, GatewayError, Json

POLL_SECONDS = 1.0
RECONNECT_SECONDS = 0.5
RECONNECTS = 3
TERMINAL = frozenset({"completed", "failed", "cancelled"})


def follow_job(gateway: Gateway, job_id: str, logs: bool = False) -> Iterator[Json]:
    """Messages about the job as the WebSocket sends them, until it has ended.

    The first is the job as it stands. A lost connection is taken up where it broke off; where no WebSocket is to be
    had, REST is asked once a second instead. Raises `GatewayError` when neither answers.
    """
    first = _snapshot(gateway, job_id)
    yield first
    if first["data"].get("status") in TERMINAL:
        return
    position, sequence, failures = first["position"], None, 0
    while failures < RECONNECTS:
        try:
            with _connect(gateway) as socket:
                _subscribe(socket, job_id, position, logs, sequence)
                for message in _messages(socket):
                    failures, position = 0, max(position, message.get("position") or 0)
                    if message.get("type") == "job_log_entry":
                        sequence = max(sequence or 0, message["data"]["sequence"])
                    yield message
                    if _ended(message, job_id):
                        return
        except (ConnectionClosed, WebSocketException, OSError):
            failures += 1
            time.sleep(RECONNECT_SECONDS * failures)
    yield from _poll(gateway, job_id)


def _snapshot(gateway: Gateway, job_id: str) -> Json:
    status = gateway.get(f"/mcp/status/{job_id}")
    return {
        "type": "job_status_update",
        "job_id": job_id,
        "position": status.get("position") or 0,
        "data": status,
    }


def _connect(gateway: Gateway) -> ClientConnection:
    parts = urlsplit(gateway.url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    address = urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/ws", "", ""))
    return connect(address, additional_headers=gateway.headers, compression=None, open_timeout=5)


def _subscribe(
    socket: ClientConnection, job_id: str, position: int, logs: bool, sequence: int | None
) -> None:
    """Go on behind a position; log lines have a sequence of their own, and begin with the last few."""
    socket.send(json.dumps({"type": "subscribe", "channel": f"job:{job_id}", "after": position}))
    if logs:
        resumed = {} if sequence is None else {"after": sequence}
        socket.send(json.dumps({"type": "subscribe", "channel": f"logs:{job_id}", **resumed}))


def _messages(socket: ClientConnection) -> Iterator[Json]:
    for text in socket:
        message = json.loads(text)
        if isinstance(message, dict):
            yield message


def _ended(message: Json, job_id: str) -> bool:
    mine = message.get("job_id") == job_id
    return mine and message.get("type") in ("job_completed", "job_failed", "job_cancelled")


def _poll(gateway: Gateway, job_id: str) -> Iterator[Json]:
    """Ask REST until the job has ended; a service that is away for a while is waited for."""
    misses = 0
    while True:
        try:
            message = _snapshot(gateway, job_id)
            misses = 0
        except GatewayError:
            misses += 1
            if misses > RECONNECTS:
                raise
            time.sleep(POLL_SECONDS)
            continue
        yield message
        if message["data"].get("status") in TERMINAL:
            return
        time.sleep(POLL_SECONDS)
