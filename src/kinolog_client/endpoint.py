"""Where a gateway is, and how to reach it."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from os import PathLike
from urllib.parse import urlsplit, urlunsplit

from kinolog_client.errors import InvalidSettings

_NO_SPACES = re.compile(r"[^\s\x00-\x1f\x7f]+")
_KEY = re.compile(r"[!-~]([ -~]*[!-~])?")
_USER_INFO = re.compile(r"^(\w+://)?.*@", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: whose gateways are trusted, None for the authorities of the system, and what the client shows."""

    authority: str | PathLike[str] | None = None
    certificate: str | PathLike[str] | None = None
    key: str | PathLike[str] | None = None

    @classmethod
    def given(
        cls,
        authority: str | PathLike[str] | None,
        certificate: str | PathLike[str] | None,
        key: str | PathLike[str] | None,
    ) -> Certificates | None:
        """Return the certificates of settings; None if none is set."""
        return cls(authority, certificate, key) if authority or certificate else None

    def context(self) -> ssl.SSLContext:
        """Return the context of a connection. Raises `InvalidSettings`."""
        what = f"the certificates of authorities {self.authority}"
        try:
            context = ssl.create_default_context(cafile=self.authority)
            if self.certificate is not None:
                what = f"the certificate {self.certificate} with the key {self.key}"
                context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except OSError as error:  # an SSLError is one
            raise InvalidSettings(f"cannot use {what}: {error.strerror or error}") from error
        return context


@dataclass(frozen=True)  # no slots: `trust` is computed once
class Endpoint:
    """The address of a gateway, the API key, and whether proxies of the environment are used.

    `trust_env` None: use the proxies of the environment, except for a gateway on this machine. A proxy that
    is set for the web cannot reach a loopback address, and NO_PROXY seldom lists it. Raises `InvalidSettings`
    for an address or a key that cannot be used, and for certificates with an address in plain that is not of this
    machine; its text contains neither a password nor the key.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    trust_env: bool | None = None
    certificates: Certificates | None = None

    def __post_init__(self) -> None:
        problem = _url_problem(self.url)
        if problem:
            shown = _USER_INFO.sub(r"\1", self.url)
            raise InvalidSettings(f"{shown!r} is not the address of a gateway: {problem}")
        if self.certificates is not None and self.url.startswith("http://") and not self.is_loopback:
            raise InvalidSettings(
                f"{self.url!r} is in plain, and certificates demand encryption: write https://, or name none"
            )
        if self.api_key and not _KEY.fullmatch(self.api_key):
            raise InvalidSettings(
                "the API key must be printable ASCII without spaces around it; is it copied whole?"
            )

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
        return not self.is_loopback if self.trust_env is None else self.trust_env

    @property
    def needs_certificates(self) -> bool:
        """False if no TLS connection is possible. Loading the trusted certificates takes tens of milliseconds."""
        return self.uses_environment or not self.url.startswith("http://")

    @cached_property
    def trust(self) -> ssl.SSLContext | bool:
        """What httpx checks the gateway's certificate with. Raises `InvalidSettings`."""
        if self.certificates is not None and self.url.startswith("https://"):
            return self.certificates.context()
        return self.needs_certificates

    @property
    def is_loopback(self) -> bool:
        """Whether the address is on this machine."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False


def _url_problem(url: str) -> str:
    """Return why a URL cannot be the address of a gateway. Empty if it can."""
    form = "it must look like http://127.0.0.1:8085"
    if not _NO_SPACES.fullmatch(url):
        return form
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return form
    if parts.scheme not in ("http", "https") or not has_host:
        return form
    if "@" in parts.netloc:
        return "it must not contain a user and a password; give the API key by itself"
    if parts.query or parts.fragment:
        return "it must end with its path, without ? and #"
    return ""
