"""The WebSocket route /ws."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from kinolog.access.key_text import id_in_key, is_ticket
from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks
from kinolog_gateway.http.callers import Callers
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.edge.browser_credentials import LIVE_PROTOCOL
from kinolog_gateway.http.middleware import CALLER
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.live import outgoing_message
from kinolog_gateway.live.catch_up import CatchUp
from kinolog_gateway.live.channels import (
    MalformedMessage,
    Ping,
    Subscribe,
    parse_channel,
    parse_client_message,
)
from kinolog_gateway.live.send_queue import SendQueue
from kinolog_gateway.live.subscriber import Subscriber
from kinolog_gateway.live.tenant_broadcast import PAUSED, POLICY_VIOLATION
from kinolog_gateway.live.tenant_broadcasts import TenantBroadcasts

logger = logging.getLogger(__name__)
router = APIRouter()

CLOSE_SECONDS = 30.0
"""How long a client that reads nothing may delay the close frame."""
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013
UNAUTHORIZED = 401
KEY_CHECK_SECONDS = 2.0
"""How often the key of an open connection is checked. A revoked one ends its connection after that."""


@router.websocket("/ws")
async def ws(socket: WebSocket) -> None:
    """Serve one client until it leaves, reads too slowly, or the api refuses it."""
    broadcasts: TenantBroadcasts = socket.app.state.broadcasts
    await socket.accept(LIVE_PROTOCOL if LIVE_PROTOCOL in socket.scope["subprotocols"] else None)
    caller: HttpCaller = socket.scope[CALLER]
    broadcast = broadcasts.for_caller(caller)
    client = Subscriber(broadcast, SendQueue(socket.send_text, broadcasts.counts), caller)
    client.send_queue.on_too_slow = partial(
        client.request_close, TRY_AGAIN_LATER, "reading too slowly; resume with after"
    )
    broadcasts.add_client(client)
    if broadcast.paused:
        client.send_error(*PAUSED)
    try:
        close = await _serve(socket, client)
    finally:
        broadcasts.remove_client(client)
    if close is not None:
        code, reason = close
        logger.info("closing a WebSocket client", extra=fields("ws_close", code=code, why=reason))
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.close(code, reason)


async def _serve(socket: WebSocket, client: Subscriber) -> tuple[int, str] | None:
    """Read, write and catch up until one of them ends. Return close code and reason, or None if the client left."""
    create_task = asyncio.get_running_loop().create_task
    tasks: list[asyncio.Task[None]] = [
        create_task(_read(socket, client)),
        create_task(client.send_queue.run()),
        create_task(CatchUp(client).run()),
        create_task(_until_key_ends(client, socket.app.state.callers)),
    ]
    try:
        ending: list[asyncio.Future[Any]] = [*tasks, client.close_requested]
        await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(tasks)
    if client.close_requested.done():
        code, reason = client.close_requested.result()
        client.broadcast.counts.slow_clients_closed += code == TRY_AGAIN_LATER
        return code, reason
    for task in tasks:
        error = task.exception() if task.done() and not task.cancelled() else None
        if error is not None and not isinstance(error, WebSocketDisconnect):
            # The error's text stays out of the log: it may quote a message.
            logger.error("a client's task failed", extra=fields("ws_failed", error=type(error).__name__))
            return INTERNAL_ERROR, "something went wrong inside the gateway"
    return None


async def _until_key_ends(client: Subscriber, callers: Callers) -> None:
    """Ask for the client's close once its key is refused, if the api created it or a ticket for it. Never returns.

    The api is asked once in a while for each key, however many clients have it.
    """
    key = client.caller.key
    while key and (id_in_key(key) or is_ticket(key)):
        await asyncio.sleep(KEY_CHECK_SECONDS)
        try:
            await callers.check(key)
        except HttpProblemError as refusal:
            if refusal.problem.status == UNAUTHORIZED:
                client.request_close(POLICY_VIOLATION, refusal.problem.detail)
    await asyncio.Event().wait()


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
