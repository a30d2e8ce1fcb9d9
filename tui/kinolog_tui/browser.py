"""The dashboard in a browser of this machine, by textual-serve: each browser tab is a dashboard of its own."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"
"""Nobody else is let in: whoever sees the dashboard may do all that its key may do."""
NAMES = (HOST, "localhost")
ALONE = "frame-ancestors 'none'"
"""No other page may show it inside itself; with the sources named, nothing is fetched from elsewhere, fonts neither."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebDashboard(Server):
    """Serves the dashboard, to pages that came from here: a page of another site must not open its WebSocket."""

    def __init__(self, port: int) -> None:
        command = f"{shlex.quote(sys.executable)} -m kinolog_tui"
        super().__init__(command, host=HOST, port=port, title="kinolog")

    async def _make_app(self) -> web.Application:
        application: web.Application = await super()._make_app()
        application.middlewares.append(self._from_here)
        return application

    @web.middleware
    async def _from_here(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        asked = [request.host] if origin is None else [request.host, urlsplit(origin).netloc]
        if not set(asked) <= {f"{name}:{self.port}" for name in NAMES}:
            raise web.HTTPForbidden(text="kinolog's dashboard is for this machine's own browser")
        answer = await handler(request)
        if not answer.prepared:  # a WebSocket is
            here = " ".join(f"{scheme}://{name}:{self.port}" for name in NAMES for scheme in ("http", "ws"))
            answer.headers["Content-Security-Policy"] = f"default-src {here} data: 'unsafe-inline'; {ALONE}"
        return answer

    async def on_startup(self, app: web.Application) -> None:
        """Nothing is said before it listens."""

    def serve(self, debug: bool = False) -> None:
        """Serve until the process is interrupted; where it is, is said once it listens."""
        self.debug = debug
        web.run_app(self._make_app(), host=self.host, port=self.port, print=self._say)

    def _say(self, _: str) -> None:
        sys.stdout.write(f"the dashboard is at {self.public_url}; Ctrl-C stops it\n")
        sys.stdout.flush()


def serve(url: str, api_key: str | None, port: int) -> None:
    """Serve the dashboard of the gateway at `url` until the process is interrupted."""
    os.environ["KINOLOG_URL"] = url
    if api_key is not None:
        os.environ["KINOLOG_API_KEY"] = api_key  # not among the arguments, which everybody can read
    WebDashboard(port).serve()
