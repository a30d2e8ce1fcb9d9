"""The WebSocket route /ws."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.edge.browser_credentials import LIVE_PROTOCOL
from kinolog_gateway.http.middleware import CALLER
from kinolog_gateway.live import outgoing_message
from kinolog_gateway.live.channels import (
    MalformedMessage,
    Ping,
    Subscribe,
    parse_channel,
    parse_client_message,
)
from kinolog_gateway.live.outgoing_message import OutgoingMessage
from kinolog_gateway.live.send_queue import SendQueue
from kinolog_gateway.live.session import CLOSE_SECONDS, run_session
from kinolog_gateway.live.subscriber import Subscriber
from kinolog_gateway.live.tenant_broadcasts import TenantBroadcasts

router = APIRouter()


@router.websocket("/ws")
async def ws(socket: WebSocket) -> None:
    """Serve one client until it leaves, reads too slowly, or the api refuses it."""
    broadcasts: TenantBroadcasts = socket.app.state.broadcasts
    await socket.accept(LIVE_PROTOCOL if LIVE_PROTOCOL in socket.scope["subprotocols"] else None)

    async def send(text: str, _: OutgoingMessage) -> None:
        await socket.send_text(text)

    caller: HttpCaller = replace(socket.scope[CALLER], route="GET /ws")
    client = Subscriber(broadcasts.for_caller(caller), SendQueue(send, broadcasts.counts), caller)
    with broadcasts.connected(client):
        close = await run_session(client, socket.app.state.callers, _read(socket, client))
        broadcasts.remove_client(client)
        if close is not None:
            with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await socket.close(*close)


async def _read(socket: WebSocket, client: Subscriber) -> None:
    """Carry out the client's messages, in order, until it leaves."""
    await client.broadcast.wait_started()
    while True:
        received = await socket.receive()
        if received["type"] == "websocket.disconnect":
            return
        try:
            message = parse_client_message(received.get("text"))
        except MalformedMessage as error:
            client.broadcast.counts.client_errors += 1
            client.send_error("MALFORMED_MESSAGE", str(error))
            continue
        if isinstance(message, Subscribe):
            client.subscribe(parse_channel(message.channel), message.after)
        elif isinstance(message, Ping):
            client.send_queue.put(outgoing_message.pong(message.id))
        else:
            client.unsubscribe(parse_channel(message.channel))
