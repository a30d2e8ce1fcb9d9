"""What sends malformed inputs over each surface, and what of the answers is a fault of kinolog."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from kinolog_gateway.mcp.tools import TOOLS
from kinolog_gateway.requests.generate import GenerateRequest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.fuzz.http import RawHttp
from tests.fuzz.junk import CANARY, Junk
from tests.unit.gateway.test_path_aliases import VALUES, served_routes

STREAM_SECONDS = 0.2
"""A stream that brings nothing for this long is ended by the client."""
FAULTS = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
INTERNAL_ERROR = 1011
ANSWER_SECONDS = 30.0
BROKEN_SECONDS = 0.5
"""The server waits longer for the rest of a request that has none."""
_UNFINISHED = ("Transfer-Encoding", "Expect")
LONGEST_MESSAGE = 16_000
"""Characters that fit in 64 KiB. The close frame after a longer message may be lost with what is unread."""
FRAMES = 40
"""Messages of one WebSocket."""
_NAMES = [
    "action",
    "filter",
    "job_ids",
    "reason",
    "actor",
    "scopes",
    "tenant",
    "expires_at",
    "valid_seconds",
    "input",
]
_QUERIES = (
    "min_position",
    "date_range",
    "from",
    "to",
    "status",
    "priority",
    "sort",
    "limit",
    "offset",
    "cursor",
    "text",
    "as_of",
    "utc_offset",
    "bucket_seconds",
    "before",
    "after",
    "level",
    "channel",
    "variant",
    "signed_links",
    "ticket",
    "order",
)
_HEADERS = (
    "Idempotency-Key",
    "X-Kinolog-Position",
    "Range",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Accept-Encoding",
    "X-Request-Id",
    "Origin",
    "X-Forwarded-For",
    "Authorization",
    "X-API-Key",
    "Expect",
    "Transfer-Encoding",
    "Cookie",
)
_TYPES = (
    "application/json",
    "multipart/form-data; boundary=b",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
)


class Outcomes:
    """How each input was answered, and what must not have been answered so."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def add(self, surface: str, answer: object, *, fault: bool, what: str = "") -> None:
        """Count an answer."""
        self.answers[f"{surface} {answer}"] += 1
        if fault:
            self.faults[f"{surface} {answer} {what}"] += 1

    @property
    def inputs(self) -> int:
        """Number of inputs that were answered."""
        return self.answers.total()


def _plausible(job_id: str) -> dict[str, Any]:
    return {
        "prompt": CANARY,
        "job_id": job_id,
        "model": "card",
        "action": "cancel",
        "actor": "ada",
        "job_ids": [job_id],
    }


async def rest(junk: Junk, url: str, job_id: str, number: int, outcomes: Outcomes) -> None:
    """Send requests to random routes."""
    random, client = junk.random, RawHttp(url)
    routes = served_routes()
    names = [*GenerateRequest.model_fields, *_NAMES]
    for _ in range(number):
        method, path = random.choice(routes)
        values = {
            name: quote(junk.text(), errors="ignore") if random.random() < 0.3 else value
            for name, value in VALUES.items()
        }
        if random.random() < 0.5:
            values |= {"job_id": job_id, "video_id": job_id, "prediction_id": job_id, "request_id": job_id}
        target = path.format_map(values).replace("/api/v1", random.choice(("/api/v1", "/mcp")), 1)
        if method == "DELETE" and job_id in target:
            method = "GET"  # the job that the other inputs are about stays
        query = [
            f"{random.choice(_QUERIES)}={quote(junk.text(), errors='ignore')}"
            for _ in range(random.randrange(3))
        ]
        target += "?" + "&".join(query) if query else ""
        body = (
            junk.body(junk.fields(names, _plausible(job_id))) if method in ("POST", "PUT", "DELETE") else b""
        )
        lines = [
            f"{random.choice((method, method, method, 'PATCH', 'OPTIONS'))} {target} HTTP/1.1",
            f"Host: {client.host}",
        ]
        lines += [f"{random.choice(_HEADERS)}: {_header(junk)}" for _ in range(random.randrange(3))]
        lines += [f"Content-Type: {random.choice(_TYPES)}", f"Content-Length: {len(body)}"]
        broken = random.random() < 0.05 or any(line.startswith(_UNFINISHED) for line in lines)
        if broken:
            lines[random.randrange(len(lines))] = junk.text().replace("\0", "")
        raw = "\r\n".join(lines).encode("utf-8", "ignore") + b"\r\n\r\n" + body
        seconds = BROKEN_SECONDS if broken else ANSWER_SECONDS
        answer = await client.send(raw, lines[0].partition(" ")[0], seconds)
        status = 0 if answer is None else answer.status
        told = b"" if answer is None else answer.body[:300]
        fault = status >= 500 or (not status and not broken)
        outcomes.add(
            "REST", status or "unanswered", fault=fault, what=f"{method} {path} {told!r} {raw[:200]!r}"
        )
        if broken:
            client.close()  # the server may wait for the rest
    client.close()


def _header(junk: Junk) -> str:
    text = (
        junk.text()
        if junk.random.random() < 0.7
        else junk.random.choice(("0", "-1", "9" * 400, "bytes=5-1", "chunked", "*"))
    )
    return text.replace("\r", "").replace("\n", "").replace("\0", "")


async def agents(junk: Junk, url: str, job_id: str, number: int, outcomes: Outcomes) -> None:
    """Send JSON-RPC to /mcp."""
    random, client = junk.random, RawHttp(url)
    methods = (
        "tools/call",
        "tools/list",
        "resources/read",
        "prompts/get",
        "initialize",
        "completion/complete",
        "ping",
    )
    for _ in range(number):
        names = ["prompt", "job_id", "seconds", "model", "cursor", "limit", "scenes", "seed"]
        params: Any = {
            "name": random.choice([*TOOLS, junk.text()]),
            "arguments": junk.fields(names, {"job_id": job_id, "wait_seconds": 0}),
        }
        if random.random() < 0.4:
            params = junk.value()
        call: Any = {
            "jsonrpc": "2.0",
            "id": junk.value(3),
            "method": random.choice((*methods, CANARY)),
            "params": params,
        }
        if random.random() < 0.2:
            call = junk.value()
        body = junk.body(call)
        lines = ["POST /mcp HTTP/1.1", f"Host: {client.host}", "Content-Type: application/json"]
        lines += ["Accept: application/json, text/event-stream", f"Content-Length: {len(body)}"]
        if random.random() < 0.7:
            version = random.choice(("2026-07-28", "2025-11-25", CANARY))
            lines.append(f"Mcp-Protocol-Version: {version}")
        answer = await client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body, "POST")
        status = 0 if answer is None else answer.status
        outcomes.add("MCP", status or "closed", fault=status >= 500 or not status, what=repr(answer))
    client.close()


async def calls(
    junk: Junk, target: str, methods: list[MethodDescriptor], job_id: str, number: int, outcomes: Outcomes
) -> None:
    """Call random methods with damaged messages."""
    random = junk.random
    async with grpc.aio.insecure_channel(target) as channel:
        for _ in range(number):
            method = random.choice([each for each in methods if each.name != "EraseJob"])
            kind = GetMessageClass(method.input_type)
            payload = junk.noise(300) if random.random() < 0.15 else junk.message(kind, _plausible(job_id))
            metadata = (
                [("x-kinolog-actor", quote(junk.text(), errors="ignore"))] if random.random() < 0.2 else []
            )
            call = _call(channel, method, payload, metadata)
            code = await _code(call)
            details = await call.details()
            # A client of grpc.aio loses the error of a call that ends while it still sends.
            lost = method.client_streaming and details == "Internal error from Core"
            outcomes.add(
                "gRPC", code.name, fault=code in FAULTS and not lost, what=f"{method.name} {details}"
            )


def _call(channel: Any, method: MethodDescriptor, payload: bytes, metadata: list[Any]) -> Any:
    path = f"/{method.containing_service.full_name}/{method.name}"
    if method.client_streaming:
        return channel.stream_unary(path)(iter([payload] * 3), metadata=metadata)
    open_call = channel.unary_stream if method.server_streaming else channel.unary_unary
    return open_call(path)(payload, metadata=metadata)


async def _code(call: Any) -> grpc.StatusCode:
    """Return how a call ends; a stream that goes on is cancelled, and has ended well."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            if hasattr(call, "read"):
                while True:
                    async with asyncio.timeout(STREAM_SECONDS):
                        if await call.read() == grpc.aio.EOF:  # type: ignore[attr-defined]
                            break
            code: grpc.StatusCode = await call.code()
            return code
    except TimeoutError:
        call.cancel()
        return grpc.StatusCode.OK if hasattr(call, "read") else grpc.StatusCode.DEADLINE_EXCEEDED
    except grpc.aio.AioRpcError as error:
        return error.code()


async def sockets(junk: Junk, url: str, job_id: str, number: int, outcomes: Outcomes) -> None:
    """Open WebSockets and send messages to each."""
    for _ in range(number // FRAMES):
        with suppress(ConnectionError, InvalidMessage, InvalidStatus):
            async with connect(url, compression=None, max_queue=None) as socket:
                longest = 0
                for message in _messages(junk, job_id):
                    longest = max(longest, len(message))
                    try:
                        await socket.send(message)
                    except ConnectionClosed:
                        break
                    outcomes.add("WebSocket", "sent", fault=False)
                await _settle(socket, outcomes, may_reset=longest > LONGEST_MESSAGE)


def _messages(junk: Junk, job_id: str) -> Iterator[str | bytes]:
    for _ in range(FRAMES):
        channel = junk.random.choice((f"job:{job_id}", f"logs:{job_id}", "jobs", "queue", junk.text()))
        kind = junk.random.choice(("subscribe", "unsubscribe", "ping", junk.text()))
        value = junk.fields(["after", "channel", "id", "type"], {"type": kind, "channel": channel})
        if junk.random.random() < 0.3:
            value = junk.value()
        text = junk.body(value)
        yield text if junk.random.random() < 0.02 else text.decode("utf-8", "replace")


async def _settle(socket: ClientConnection, outcomes: Outcomes, *, may_reset: bool) -> None:
    """Wait for the answer to a last ping, or for the reason why there is none."""
    try:
        await socket.send(json.dumps({"type": "ping", "id": "the last"}))
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                message = json.loads(await socket.recv())
                if message["type"] == "pong" and message["data"]["id"] == "the last":
                    return
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 0
        outcomes.add(
            "WebSocket", f"closed {code}", fault=code == INTERNAL_ERROR or (not code and not may_reset)
        )
