"""One client's session: it is sent updates and brought up to date until it leaves or the gateway closes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

from fastapi import WebSocketDisconnect

from kinolog.access.key_text import is_judged_by_api
from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks
from kinolog_gateway.http.callers import Callers
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.live.catch_up import CatchUp
from kinolog_gateway.live.subscriber import Subscriber
from kinolog_gateway.live.tenant_broadcast import POLICY_VIOLATION

logger = logging.getLogger(__name__)

INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013
UNAUTHORIZED = 401
KEY_CHECK_SECONDS = 2.0
"""How often the key of an open connection is checked. A revoked one ends its connection after that."""
CLOSE_SECONDS = 30.0
"""How long a client that reads nothing may delay the end of its connection."""
_LEFT = (WebSocketDisconnect, OSError)
"""Errors of a connection that the client ended."""


async def run_session(
    subscriber: Subscriber, callers: Callers, *tasks_of_client: Coroutine[Any, Any, None]
) -> tuple[int, str] | None:
    """Send and catch up until one task ends. Return close code and reason, or None if the client left.

    A client that reads too slowly is closed. It can resume.

    `tasks_of_client` run beside that: one reads what the client sends, and returns when it has left.
    """
    subscriber.send_queue.on_too_slow = partial(
        subscriber.request_close, TRY_AGAIN_LATER, "reading too slowly; resume with after"
    )
    create_task = asyncio.get_running_loop().create_task
    tasks: list[asyncio.Task[None]] = [
        *(create_task(task) for task in tasks_of_client),
        create_task(subscriber.send_queue.run()),
        create_task(CatchUp(subscriber).run()),
        create_task(_until_key_ends(subscriber, callers)),
    ]
    try:
        ending: list[asyncio.Future[Any]] = [*tasks, subscriber.close_requested]
        await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(tasks)
    close: tuple[int, str] | None = None
    if subscriber.close_requested.done():
        close = subscriber.close_requested.result()
        subscriber.broadcast.counts.slow_clients_closed += close[0] == TRY_AGAIN_LATER
    else:
        for task in tasks:
            error = task.exception() if task.done() and not task.cancelled() else None
            if error is not None and not isinstance(error, _LEFT):
                # The error's text stays out of the log: it may quote a message.
                logger.error(
                    "a client's task failed", extra=fields("live_failed", error=type(error).__name__)
                )
                close = INTERNAL_ERROR, "something went wrong inside the gateway"
                break
    if close is not None:
        logger.info("closing a live client", extra=fields("live_close", code=close[0], why=close[1]))
    return close


async def _until_key_ends(client: Subscriber, callers: Callers) -> None:
    """Ask for the client's close once its key is refused, if the api decides about it. Never returns.

    The api is asked once in a while for each key, however many clients have it.
    """
    key = client.caller.key
    while key and is_judged_by_api(key):
        await asyncio.sleep(KEY_CHECK_SECONDS)
        try:
            await callers.check(key)
        except HttpProblemError as refusal:
            if refusal.problem.status == UNAUTHORIZED:
                client.request_close(POLICY_VIOLATION, refusal.problem.detail)
    await asyncio.Event().wait()
