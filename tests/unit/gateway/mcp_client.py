"""A client of the Model Context Protocol: the SDK's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextResourceContents

from tests.fixtures.waits import WAIT_SECONDS
from tests.unit.gateway.conftest import RunningGateway

MODERN, HANDSHAKE = "2026-07-28", "legacy"


@asynccontextmanager
async def mcp_connected(gateway: RunningGateway, mode: str = MODERN, **headers: str) -> AsyncIterator[Client]:
    """Connect a client. A handshake is what clients before protocol version 2026-07-28 begin with."""
    # Certificates, which HTTP does not need, take as long to load as a test.
    async with httpx2.AsyncClient(
        headers=headers, trust_env=False, verify=False, timeout=WAIT_SECONDS
    ) as http:
        transport = streamable_http_client(f"{gateway.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


async def read_text(client: Client, uri: str) -> str:
    """Return the text of a resource."""
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


def text_of(result: Any) -> str:
    """Return the texts of a result."""
    return "\n".join(block.text for block in result.content if block.type == "text")
