"""What stands in front of the gateway: the middleware for its proxies, and for web pages of other origins."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from fastapi.middleware.cors import CORSMiddleware
from starlette.middleware import Middleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from kinolog_gateway.http.edge.path_aliases import PathAliases
from kinolog_gateway.http.edge.proxies import ProxiedRequests

ANY_ORIGIN = "*"
COMPRESSED_BYTES = 1_000
"""Shorter bodies are sent as they are."""
COMPRESSION_LEVEL = 5
PREFLIGHT_SECONDS = 600
"""How long a browser may remember what another origin may send."""
REQUEST_HEADERS = (
    "Authorization",
    "Idempotency-Key",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Mcp-Method",
    "Mcp-Name",
    "Mcp-Protocol-Version",
    "Mcp-Session-Id",
    "OpenAI-Organization",
    "OpenAI-Project",
    "Range",
    "X-API-Key",
    "X-Kinolog-Position",
    "X-Stainless-Arch",
    "X-Stainless-Lang",
    "X-Stainless-OS",
    "X-Stainless-Package-Version",
    "X-Stainless-Poll-Helper",
    "X-Stainless-Retry-Count",
    "X-Stainless-Runtime",
    "X-Stainless-Runtime-Version",
    "X-Stainless-Timeout",
)
"""Headers that a web page of another origin may send."""
RESPONSE_HEADERS = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Deprecation",
    "ETag",
    "Link",
    "Location",
    "Mcp-Session-Id",
    "OpenAI-Poll-After-Ms",
    "RateLimit",
    "RateLimit-Policy",
    "Repr-Digest",
    "Retry-After",
    "X-Kinolog-Position",
    "X-Kinolog-Stale-Seconds",
    "X-Request-Id",
    "X-Should-Retry",
)
"""Headers that it may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Proxies by network, the prefix that they leave in paths, and origins of web pages that may use the gateway."""

    trusted_proxies: tuple[str, ...] = ()
    path_prefix: str = ""
    cors_origins: tuple[str, ...] = ()

    def allows_origin(self, origin: str) -> bool:
        """Return whether web pages of another origin may use the gateway."""
        return origin in self.cors_origins or ANY_ORIGIN in self.cors_origins

    def middleware(self) -> list[Middleware]:
        """Return the middleware before all other, from the outside to the inside."""
        networks = [*self.trusted_proxies, *filter(None, map(_mapped, self.trusted_proxies))]
        chain = [Middleware(ProxiedRequests, proxies=networks, path_prefix=self.path_prefix)]
        if networks:
            # Inside of ProxiedRequests, which looks at the address of the proxy: this one replaces it.
            chain.append(Middleware(ProxyHeadersMiddleware, trusted_hosts=networks))
        chain.append(Middleware(PathAliases))
        if self.cors_origins:
            chain.append(
                Middleware(
                    CORSMiddleware,
                    allow_origins=self.cors_origins,
                    allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
                    allow_headers=REQUEST_HEADERS,
                    expose_headers=RESPONSE_HEADERS,
                    max_age=PREFLIGHT_SECONDS,
                )
            )
        return chain


DIRECT = Surroundings()
"""No proxy, no prefix and no other origin."""

COMPRESSION = Middleware(
    GZipMiddleware,
    minimum_size=COMPRESSED_BYTES,
    compresslevel=COMPRESSION_LEVEL,
    exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, "image/*"),
)
"""Compresses texts; files, parts of files and streams of events stay as they are."""


def _mapped(network: str) -> str | None:
    """Return the addresses of an IPv4 network as a socket of IPv6 sees them; None for one of IPv6."""
    parsed = ip_network(network)
    if parsed.version == 6:
        return None
    return f"::ffff:{parsed.network_address}/{96 + parsed.prefixlen}"
