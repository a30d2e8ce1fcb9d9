"""Tickets that stand for an API key where none can be sent (decision 98): what they say, and their text.

The text of a ticket is sealed under a secret of the installation. So whoever has a link reads neither tenant nor actor
from it, and nobody makes or changes one.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from kinolog.access.key_text import TICKET_PREFIX
from kinolog.job.values import Sealed
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealer import NONCE_BYTES, Sealer, UnsealFailed
from kinolog_api.installation_secret import installation_secret

SEALED_UNDER = "tickets"
"""Name of the secret of the installation that seals tickets."""


class InvalidTicket(ValueError):
    """The text is no ticket of this installation."""


class TicketUse(StrEnum):
    """What a ticket is for."""

    FILES = "files"
    """Files of one job, as often as it is presented."""
    LIVE = "live"
    """To be exchanged once for a credential of a connection."""
    CONNECTION = "connection"
    """That credential: what live updates read."""


_METHODS_OF_USE = {
    TicketUse.FILES: frozenset({"ReadArtifact", "ReadLiveVideo", "ExportVideo"}),
    TicketUse.LIVE: frozenset[str](),
    TicketUse.CONNECTION: frozenset(
        {"WatchJob", "WatchJobs", "NoteLiveRead", "GetJob", "SummarizeJobs", "ListLogEntries", "WhoAmI"}
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTicket:
    """For whom a ticket was issued, by which key, and what it reads until when. `job_id` is that of files."""

    use: TicketUse
    tenant: str
    actor: str
    key_digest: bytes
    """Hash of the key that issued it. Empty where calls need no key."""
    expires_at: datetime
    nonce: str
    job_id: str = ""
    token_issuer: str = ""
    """Issuer of the token that issued it. Empty for other keys."""
    token_ends_at: datetime | None = None
    """End of that token."""

    @property
    def reads(self) -> str:
        """What it is for, in words."""
        match self.use:
            case TicketUse.FILES:
                return f"the files of job {self.job_id}"
            case TicketUse.LIVE:
                return "one connection of live updates"
            case TicketUse.CONNECTION:
                return "live updates"

    def allows(self, method: str) -> bool:
        """Return whether a caller with this ticket may call a method, for its job if it has one."""
        return method in _METHODS_OF_USE[self.use]


class TicketSealer:
    """Writes and reads the text of tickets. `secret` has 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        self._sealer = Sealer(SEALED_UNDER, secret)

    def text_of(self, ticket: AccessTicket) -> str:
        """Return the text of a ticket: letters, digits and ._-"""
        content = {
            "use": ticket.use,
            "tenant": ticket.tenant,
            "actor": ticket.actor,
            "key": ticket.key_digest.hex(),
            "until": int(ticket.expires_at.timestamp()),
            "nonce": ticket.nonce,
            "job": ticket.job_id,
            "issuer": ticket.token_issuer,
            "token_until": int(ticket.token_ends_at.timestamp()) if ticket.token_ends_at else None,
        }
        sealed = self._sealer.seal(json.dumps(content, separators=(",", ":")), TICKET_PREFIX)
        return TICKET_PREFIX + urlsafe_b64encode(sealed.nonce + sealed.ciphertext).decode().rstrip("=")

    def read(self, text: str) -> AccessTicket:
        """Return the ticket with this text, whether or not it has expired. Raises `InvalidTicket`."""
        encoded = text.removeprefix(TICKET_PREFIX)
        if encoded == text or not encoded.isascii():
            raise InvalidTicket
        try:
            raw = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            sealed = Sealed(nonce=raw[:NONCE_BYTES], ciphertext=raw[NONCE_BYTES:])
            content = json.loads(self._sealer.unseal(sealed, TICKET_PREFIX))
        except (NoBase64, UnsealFailed):
            raise InvalidTicket from None
        return AccessTicket(
            use=TicketUse(content["use"]),
            tenant=content["tenant"],
            actor=content["actor"],
            key_digest=bytes.fromhex(content["key"]),
            expires_at=datetime.fromtimestamp(content["until"], UTC),
            nonce=content["nonce"],
            job_id=content["job"],
            token_issuer=content.get("issuer", ""),
            token_ends_at=datetime.fromtimestamp(ends, UTC) if (ends := content.get("token_until")) else None,
        )


async def load_ticket_sealer(keys: KeyStore) -> TicketSealer:
    """Return the sealer of this installation; its secret is made if there is none. Raises `LogUnavailable`."""
    return TicketSealer(await installation_secret(keys, SEALED_UNDER))
