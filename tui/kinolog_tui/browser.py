"""The dashboard in a browser of this machine, by textual-serve. Each browser tab runs its own dashboard."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"
"""Only this machine has access: a person who sees the dashboard may do all that its key permits."""
NAMES = (HOST, "localhost")
NO_EMBEDDING = "frame-ancestors 'none'"
"""No other page may embed it. With `default-src`, nothing is fetched from other hosts, fonts neither."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebDashboard(Server):
    """Serves the dashboard to its own pages only: a page of another site must not open its WebSocket."""

    def __init__(self, port: int) -> None:
        command = f"{shlex.quote(sys.executable)} -P -m kinolog_tui"
        super().__init__(command, host=HOST, port=port, title="kinolog")

    async def _make_app(self) -> web.Application:
        application: web.Application = await super()._make_app()
        application.middlewares.append(self._reject_other_origins)
        return application

    @web.middleware
    async def _reject_other_origins(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        hosts = {request.host} if origin is None else {request.host, urlsplit(origin).netloc}
        if not hosts <= {f"{name}:{self.port}" for name in NAMES}:
            raise web.HTTPForbidden(text="kinolog's dashboard is for this machine's own browser")
        response = await handler(request)
        if not response.prepared:  # a WebSocket is prepared
            sources = " ".join(
                f"{scheme}://{name}:{self.port}" for name in NAMES for scheme in ("http", "ws")
            )
            response.headers["Content-Security-Policy"] = (
                f"default-src {sources} data: 'unsafe-inline'; {NO_EMBEDDING}"
            )
        return response

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing before the server listens."""

    def serve(self, debug: bool = False) -> None:
        """Serve until the process is interrupted. The address is printed when the server listens."""
        self.debug = debug
        web.run_app(self._make_app(), host=self.host, port=self.port, print=self._print_address)

    def _print_address(self, _: str) -> None:
        sys.stdout.write(f"the dashboard is at {self.public_url}; Ctrl-C stops it\n")
        sys.stdout.flush()


def serve(url: str, api_key: str | None, port: int) -> None:
    """Serve the dashboard of the gateway at `url` until the process is interrupted."""
    os.environ["KINOLOG_URL"] = url
    if api_key is not None:
        os.environ["KINOLOG_API_KEY"] = (
            api_key  # not as an argument, which every user of the machine can read
        )
    WebDashboard(port).serve()
