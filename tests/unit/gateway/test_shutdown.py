"""The end of the gateway: every connection is closed, whatever it is doing."""

from __future__ import annotations

import asyncio

from kinolog_gateway.websocket.protocol import LiveProtocol
from websockets.asyncio.client import connect

from tests.fixtures.waits import WAIT_SECONDS
from tests.unit.gateway.conftest import RunningGateway

CLOSE_FRAME = b"\x88\x80\x00\x00\x00\x00"
"""A close frame of a client, without a code, masked with zeros."""


async def test_a_client_that_is_closing(gateway: RunningGateway) -> None:
    """A client whose close arrives together with the end of the gateway delays no other and is closed too."""
    async with connect(gateway.ws_url) as closing, connect(gateway.ws_url) as other:
        connections = [
            connection
            for connection in gateway.server.server_state.connections
            if isinstance(connection, LiveProtocol)
        ]
        first = next(
            c for c in connections if c.transport.get_extra_info("peername") == closing.local_address
        )
        first.conn.receive_data(CLOSE_FRAME)
        for connection in connections:
            connection.shutdown()
        async with asyncio.timeout(WAIT_SECONDS):
            await closing.wait_closed()
            await other.wait_closed()
    assert other.close_code == 1012
