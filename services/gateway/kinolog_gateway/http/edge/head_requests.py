"""HEAD for every route that answers GET: the same headers, and no body.

Routes of files have a HEAD of their own, which reads no file, and so has the stream of events, which redeems no ticket.
"""

from __future__ import annotations

import asyncio

from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """Answers HEAD by GET where a route has no HEAD. A body that goes on, such as a stream of events, is not read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or _has_head(scope):
            await self._app(scope, receive, send)
            return
        answered = asyncio.Event()

        async def receive_end() -> Message:
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send_headers(message: Message) -> None:
            if answered.is_set():
                return
            if message["type"] == "http.response.body":
                answered.set()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, receive_end, send_headers)
        finally:
            if "route" in inner:
                scope["route"] = inner["route"]


def _has_head(scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in scope["app"].router.routes)
