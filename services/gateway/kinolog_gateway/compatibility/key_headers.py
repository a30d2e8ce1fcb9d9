"""Keys in the headers of clients of other services, which are no Bearer tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """A header and what precedes the key in it."""

    name: str
    scheme: str = ""


class KeyHeaders:
    """Passes on requests below the paths of `headers` with their key as a Bearer token."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, KeyHeader]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        header = next(
            (
                known
                for start, known in self._headers.items()
                if scope.get("path", "").startswith(f"{start}/")
            ),
            None,
        )
        if header is not None and scope["type"] == "http":
            value = Headers(scope=scope).get(header.name, "")
            if value.lower().startswith(header.scheme) and value:
                scope = {**scope, "headers": list(scope["headers"])}
                MutableHeaders(scope=scope)["authorization"] = f"Bearer {value[len(header.scheme) :]}"
        await self._app(scope, receive, send)
