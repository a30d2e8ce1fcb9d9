"""Any input gets a response that the gateway words itself."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinolog_gateway.live.channels import (
    MalformedMessage,
    Ping,
    Subscribe,
    Unsubscribe,
    parse_client_message,
)
from kinolog_gateway.requests.generate import GenerateRequest
from kinolog_gateway.requests.queries import BulkRequest, JobsQuery
from websockets.exceptions import ConnectionClosed

from tests.fixtures.waits import WAIT_SECONDS
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.ws_client import connected

FIELDS = (
    frozenset(GenerateRequest.model_fields)
    | frozenset(JobsQuery.model_fields)
    | frozenset(BulkRequest.model_fields)
)
NAMES = st.sampled_from(sorted({*FIELDS, "from", "type", "channel", "after", "id"} - {"from_"}))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(
        ["subscribe", "ping", "jobs", "queue", "cancel", "today", "2026-11-22T15:00:00Z", "256x256"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)


@given(text=st.text(max_size=200) | VALUES.map(json.dumps))
@settings(max_examples=300, deadline=None)
def test_any_client_message(text: str) -> None:
    """Any text is a message of the protocol, or malformed; nothing else is raised."""
    try:
        message = parse_client_message(text)
    except MalformedMessage:
        return
    assert isinstance(message, Subscribe | Unsubscribe | Ping)


async def test_any_body_and_query(gateway: RunningGateway) -> None:
    """Any body and any query is served, or refused with a problem below 500."""
    url = gateway.url

    @given(
        body=VALUES | OBJECTS,
        query=st.dictionaries(NAMES, SCALARS.filter(lambda v: v is not None), max_size=4),
    )
    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.nested_given],
    )
    def check(body: Any, query: dict[str, Any]) -> None:
        cases.append((json.dumps(body).encode(), {name: str(value) for name, value in query.items()}))

    cases: list[tuple[bytes, dict[str, str]]] = []
    check()
    headers = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=url, timeout=WAIT_SECONDS) as client:
        for body, query in cases:
            responses = [
                await client.post("/api/v1/generate", content=body, headers=headers),
                await client.post("/api/v1/bulk", content=body, headers=headers),
                await client.get("/api/v1/jobs", params=_sendable(query)),
                await client.get("/api/v1/analytics/trends", params=_sendable(query)),
            ]
            for response in responses:
                assert response.status_code < 500, (body, query, response.text)
                kind = "application/json" if response.is_success else "application/problem+json"
                assert response.headers["content-type"] == kind


def _sendable(query: dict[str, str]) -> dict[str, str]:
    """Return a query without lone surrogates, which no URL can carry."""
    return {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}


@pytest.mark.parametrize("frame", [b"\x81\x05hello", b"\xff\xff", b"\x88\x80\x00\x00\x00\x00"])
async def test_frames_that_break_the_protocol(gateway: RunningGateway, frame: bytes) -> None:
    """A frame that breaks the WebSocket protocol ends that connection, and no other."""
    async with connected(gateway.ws_url) as good:
        async with connected(gateway.ws_url) as bad:
            bad.socket.transport.write(frame)
            with pytest.raises(ConnectionClosed):
                await bad.receive()
        assert await good.settle() == []
