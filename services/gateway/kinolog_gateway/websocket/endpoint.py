"""The WebSocket /ws."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from kinolog.process.logs import fields
from kinolog_gateway.http.middleware import CALLER
from kinolog_gateway.websocket import outgoing_message
from kinolog_gateway.websocket.catch_up import CatchUp
from kinolog_gateway.websocket.channels import MalformedMessage, Ping, Subscribe, channel_of, parse
from kinolog_gateway.websocket.client import WebSocketClient
from kinolog_gateway.websocket.hubs import TenantBroadcasts
from kinolog_gateway.websocket.send_queue import SendQueue

log = logging.getLogger(__name__)
router = APIRouter()

CLOSE_SECONDS = 30.0
"""How long a client that reads nothing may keep its close from being sent."""
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013


@router.websocket("/ws")
async def ws(socket: WebSocket) -> None:
    """Serve one client until it leaves, reads too slowly, or the api turns it away."""
    hubs: TenantBroadcasts = socket.app.state.hubs
    await socket.accept()
    hub = hubs.join(socket.scope[CALLER])
    client = WebSocketClient(hub, SendQueue(socket.send_text, hubs.counts))
    client.outbox.too_slow = partial(client.dismiss, TRY_AGAIN_LATER, "reading too slowly; resume with after")
    hubs.enter(hub, client)
    try:
        verdict = await _serve(socket, client)
    finally:
        hubs.leave(hub, client)
    if verdict is not None:
        code, words = verdict
        log.info("closing a WebSocket client", extra=fields("ws_close", code=code, why=words))
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.close(code, words)


async def _serve(socket: WebSocket, client: WebSocketClient) -> tuple[int, str] | None:
    """Read, write and catch up until one of them ends; close code and reason unless the client left."""
    begin = asyncio.get_running_loop().create_task
    tasks: list[asyncio.Task[None]] = [
        begin(_read(socket, client)),
        begin(client.outbox.run()),
        begin(CatchUp(client).run()),
    ]
    try:
        ended: list[asyncio.Future[Any]] = [*tasks, client.dismissed]
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if client.dismissed.done():
        client.hub.counts.slow_clients_closed += client.dismissed.result()[0] == TRY_AGAIN_LATER
        return client.dismissed.result()
    for task in tasks:
        failed = None if task.cancelled() else task.exception()
        if failed is not None and not isinstance(failed, WebSocketDisconnect):
            # What it says stays out of the log: it may quote a message.
            log.error("a client's task failed", extra=fields("ws_failed", error=type(failed).__name__))
            return INTERNAL_ERROR, "something went wrong inside the gateway"
    return None


async def _read(socket: WebSocket, client: WebSocketClient) -> None:
    """Do what the client says, until it leaves."""
    await client.hub.started()
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        try:
            said = parse(message.get("text"))
        except MalformedMessage as error:
            client.hub.counts.client_errors += 1
            client.say("MALFORMED_MESSAGE", str(error))
            continue
        if isinstance(said, Subscribe):
            client.subscribe(channel_of(said.channel), said.after)
        elif isinstance(said, Ping):
            client.outbox.put(outgoing_message.pong(client.position, said.id))
        else:
            client.unsubscribe(channel_of(said.channel))
