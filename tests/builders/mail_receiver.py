"""A mail server on this machine."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from typing import cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from kinolog.webhooks.mail_server import MailServer

SENDER = Address("kinolog", "kinolog", "example.com")
USER, PASSWORD = "kinolog", "open sesame"
ACCEPTED = "250 OK"


@dataclass(slots=True)
class MailReceiver:
    """What arrived. The answers are those to a recipient and to an e-mail."""

    port: int = 0
    recipient_answer: str = ACCEPTED
    data_answer: str = ACCEPTED
    arrived: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    """Recipients and e-mail."""

    @property
    def server(self) -> MailServer:
        """This server, without TLS."""
        return MailServer(host="127.0.0.1", port=self.port, sender=SENDER, starttls=False)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds handlers by the names of commands
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if self.recipient_answer == ACCEPTED:
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        """Take an e-mail, or not."""
        if self.data_answer == ACCEPTED:
            content = cast("bytes", envelope.content)
            message = message_from_bytes(content, policy=default)
            self.arrived.append((list(envelope.rcpt_tos), message))
        return self.data_answer


def _authenticated(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, found: object
) -> AuthResult:
    is_known = isinstance(found, LoginPassword) and (found.login, found.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=is_known, handled=False)


@asynccontextmanager
async def mail_receiver(context: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[MailReceiver]:
    """Listen on a port of this machine. With a context STARTTLS and a password are needed."""
    receiver, loop = MailReceiver(), asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            receiver,
            hostname="mail.example",
            tls_context=context,
            require_starttls=context is not None,
            auth_required=context is not None,
            authenticator=_authenticated,
            loop=loop,
        )

    server = await loop.create_server(protocol, "127.0.0.1", port)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
