"""Hands e-mail over to the mail server of the installation."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from datetime import datetime

import aiosmtplib

from kinolog.webhooks.mail_server import MailServer
from kinolog_projector.webhooks.call_outcome import CallOutcome, NextTry, is_tls_failure
from kinolog_projector.webhooks.mail_message import mail_message

CALL_SECONDS = 60.0
"""Time for a whole e-mail: mail servers may answer late on purpose."""
PERMANENT = 500
"""From this code on an answer of a mail server is final."""
UNKNOWN_MAILBOX = frozenset({550, 551, 553})
"""Codes with which a mail server says that it does not have a mailbox, unless a status (RFC 3463) says otherwise."""
GONE_STATUSES = frozenset({"1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "2.0", "2.1"})
"""Statuses about the mailbox, after the 5. Others are about the sender, what kinolog calls itself, or rules."""
_STATUS = re.compile(r"5\.(?!0\.0\b)(\d{1,3}\.\d{1,3})\b")


class MailCalls:
    """Sends e-mail, each over a connection of its own. Nothing is raised: how it ended is the answer."""

    def __init__(
        self,
        server: MailServer,
        *,
        call_seconds: float = CALL_SECONDS,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._call_seconds = call_seconds
        self._ssl_context = ssl_context or ssl.create_default_context()

    async def send(self, mailbox: str, body: bytes, delivery_id: str, now: datetime) -> CallOutcome:
        """Send the e-mail about a message to one mailbox.

        Only a mailbox that the server does not have is gone. What else goes wrong is tried for days, since it is about
        the server or its settings; an e-mail that the server refuses for good is not sent again.
        """
        began = time.monotonic()
        code, error, retry = await self._sent(mailbox, body, delivery_id, now)
        return CallOutcome(
            status_code=code,
            milliseconds=round((time.monotonic() - began) * 1000),
            error=error,
            retry=retry,
        )

    async def _sent(
        self, mailbox: str, body: bytes, delivery_id: str, now: datetime
    ) -> tuple[int, str, NextTry]:
        server = self._server
        mail = mail_message(body, delivery_id=delivery_id, sender=server.sender, mailbox=mailbox, now=now)
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            local_hostname=socket.gethostname(),  # without it the name is looked up, which can take a minute
            timeout=self._call_seconds,
            use_tls=server.tls,
            start_tls=server.starttls,
            tls_context=self._ssl_context,
        )
        try:
            async with asyncio.timeout(self._call_seconds):
                await client.connect()
                await client.sendmail(server.sender.addr_spec, [mailbox], mail.as_bytes())
        except aiosmtplib.SMTPRecipientsRefused as refused:
            answer = refused.recipients[0]
            if _is_gone(answer.code, answer.message):
                return answer.code, "the mail server does not take the mailbox", NextTry.GONE
            return answer.code, "the mail server does not take e-mail for the mailbox now", NextTry.FOR_DAYS
        except aiosmtplib.SMTPDataError as refused:
            retry = NextTry.NEVER if refused.code >= PERMANENT else NextTry.FOR_DAYS
            return refused.code, "the mail server does not take the e-mail", retry
        except aiosmtplib.SMTPAuthenticationError as refused:
            return refused.code, "the mail server does not take the password", NextTry.FOR_DAYS
        except aiosmtplib.SMTPSenderRefused as refused:
            return refused.code, "the mail server does not take the sender", NextTry.FOR_DAYS
        except aiosmtplib.SMTPResponseException as refused:
            return refused.code, "the mail server does not take e-mail now", NextTry.FOR_DAYS
        except TimeoutError:
            return 0, f"no answer of the mail server within {self._call_seconds:g} s", NextTry.FOR_DAYS
        except OSError as error:
            return 0, _with_tls(error, "no connection to the mail server"), NextTry.FOR_DAYS
        except aiosmtplib.SMTPException as error:
            return 0, _with_tls(error, "the mail server offers no STARTTLS, or no log-in"), NextTry.FOR_DAYS
        else:
            return 250, "", NextTry.USUAL
        finally:
            client.close()


def _is_gone(code: int, text: str) -> bool:
    """Return whether a refusal is about the mailbox. Many servers refuse whoever sends not before they read it."""
    status = _STATUS.match(text)
    return code in UNKNOWN_MAILBOX if status is None else status[1] in GONE_STATUSES


def _with_tls(failed: Exception, otherwise: str) -> str:
    if is_tls_failure(failed):
        return "no secure connection to the mail server: its certificate or protocol is not accepted"
    return otherwise
