"""Where a gateway is, and how to reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a gateway, the API key, and whether proxies of the environment are used.

    `trust_env` None: use the proxies of the environment, except for a gateway on this machine. A proxy that
    is set for the web cannot reach a loopback address, and NO_PROXY seldom lists it.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    trust_env: bool | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Headers that present the API key."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    @property
    def ws_url(self) -> str:
        """The address of the WebSocket."""
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/ws", "", ""))

    @property
    def uses_environment(self) -> bool:
        """Whether proxies and certificate settings of the environment apply."""
        return not self._is_loopback if self.trust_env is None else self.trust_env

    @property
    def needs_certificates(self) -> bool:
        """False if no TLS connection is possible. Loading the trusted certificates takes tens of milliseconds."""
        return self.uses_environment or not self.url.startswith("http://")

    @property
    def _is_loopback(self) -> bool:
        try:
            host = urlsplit(self.url).hostname or ""
        except ValueError:
            return False
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False
