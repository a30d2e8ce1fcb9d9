"""The earlier paths of the REST routes: /mcp/<route> answers what /api/v1/<route> answers.

POST, GET and DELETE of /mcp itself are no aliases: clients look there for the Model Context Protocol (decision 99).
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinolog_gateway.http.edge.public_path import public_path

API_PREFIX = "/api/v1"
"""Where the REST routes begin."""
OLD_PREFIX = "/mcp"
"""Where they began before."""
DEPRECATED_AT = datetime(2026, 11, 28, tzinfo=UTC)
"""Since when the old paths are deprecated."""

_DEPRECATION = f"@{DEPRECATED_AT.timestamp():.0f}"
"""Value of the header Deprecation (RFC 9745): a date of structured fields."""
_PATH_CHARACTERS = "/:@!$&'()*+,;=~"


class PathAliases:
    """Serves the old paths: rewrites the path of a request, and names its successor in the response's headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(f"{OLD_PREFIX}/"):
            await self._app(scope, receive, send)
            return
        path = API_PREFIX + scope["path"].removeprefix(OLD_PREFIX)
        successor = quote(path, safe=_PATH_CHARACTERS)

        async def send_deprecated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Deprecation"] = _DEPRECATION
                headers.append("Link", f'<{public_path(successor)}>; rel="successor-version"')
            await send(message)

        await self._app({**scope, "path": path, "raw_path": successor.encode()}, receive, send_deprecated)
