"""Host and prefix of a request that came through a proxy.

uvicorn's middleware takes scheme and address of the client from X-Forwarded-Proto and X-Forwarded-For; this one takes
the rest. Both believe trusted proxies only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from kinolog_gateway.http.edge.public_path import set_public_prefix

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HOST = re.compile(r"[A-Za-z0-9._~-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


class ProxiedRequests:
    """Removes the prefix of a path, and sets host and public prefix as the client sees them.

    `path_prefix` is the prefix that a proxy leaves in the path, or has removed without saying so.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str], path_prefix: str) -> None:
        self._app = app
        self._networks = [ip_network(proxy) for proxy in proxies]
        self._path_prefix = path_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = self._without_prefix(scope)
            prefix = self._path_prefix
            if self._trusts(scope):
                headers = Headers(scope=scope)
                prefix = _forwarded(headers, "x-forwarded-prefix", _PREFIX) or prefix
                if host := _forwarded(headers, "x-forwarded-host", _HOST):
                    scope = {**scope, "headers": list(scope["headers"])}
                    MutableHeaders(scope=scope)["host"] = host
            set_public_prefix(prefix)
        await self._app(scope, receive, send)

    def _without_prefix(self, scope: Scope) -> Scope:
        prefix, path = self._path_prefix, scope["path"]
        if not prefix or not f"{path}/".startswith(f"{prefix}/"):
            return scope
        raw = scope.get("raw_path") or b""
        return {
            **scope,
            "path": path.removeprefix(prefix) or "/",
            "raw_path": raw.removeprefix(prefix.encode()) or b"/",
        }

    def _trusts(self, scope: Scope) -> bool:
        if not self._networks or not scope.get("client"):
            return False
        try:
            address = ip_address(scope["client"][0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _forwarded(headers: Headers, name: str, form: re.Pattern[str]) -> str:
    """Return what the proxy that the client spoke to says in a header; empty if it says nothing that can be used."""
    value = headers.get(name, "").partition(",")[0].strip().rstrip("/")
    return value if form.fullmatch(value) else ""
