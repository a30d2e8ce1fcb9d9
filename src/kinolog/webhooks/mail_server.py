"""The mail server that e-mail goes through."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.headerregistry import Address
from urllib.parse import urlsplit

TLS_SCHEME = "smtps"
ENCODED_WORD = "=?"
"""What other letters than ASCII begin with in a header. Python's `email` decodes them in addresses, lines included."""
_DEFAULT_PORTS = {"smtp": 587, TLS_SCHEME: 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where e-mail is handed over. `tls` encrypts from the first byte, `starttls` after a command."""

    host: str
    port: int
    sender: Address
    tls: bool = False
    starttls: bool = True
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(
        cls, url: str, *, sender: Address, without_tls: bool = False, user: str = "", password: str = ""
    ) -> MailServer:
        """Return the server at `smtp://…` or `smtps://…`."""
        parts = urlsplit(url)
        tls = parts.scheme == TLS_SCHEME
        return cls(
            host=parts.hostname or "",
            port=parts.port or _DEFAULT_PORTS[parts.scheme],
            sender=sender,
            tls=tls,
            starttls=not tls and not without_tls,
            user=user,
            password=password,
        )
