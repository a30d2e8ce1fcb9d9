"""The mail server that e-mail goes through, and who may get any."""

from __future__ import annotations

from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import getaddresses
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import NoDecode

from kinolog.network_addresses import SmtpUrl
from kinolog.process.setting_groups.common import COMMA_SEPARATED, ProcessSettings
from kinolog.webhooks.address import is_recipient
from kinolog.webhooks.mail_server import ENCODED_WORD, MailServer

MAX_PASSWORD_BYTES = 4096


def _recipient(value: str) -> str:
    if not is_recipient(value):
        raise ValueError(
            "must be mailboxes and domains such as example.com, separated by commas, or * for all mailboxes"
        )
    return value


def _sender(value: str) -> str:
    if value:
        sender_of(value)
    return value


def sender_of(value: str) -> Address:
    """Return the sender that a setting names. Raises ValueError."""
    found = getaddresses([value])
    if len(found) == 1 and value.isprintable() and ENCODED_WORD not in value:
        name, mailbox = found[0]
        try:
            sender = Address(name, addr_spec=mailbox)
        except (ValueError, IndexError, HeaderParseError):  # which one depends on the version of Python
            sender = Address()
        if sender.username and sender.domain and mailbox.isascii():
            return sender
    raise ValueError("must be a mailbox such as kinolog@example.com, or kinolog <kinolog@example.com>")


MailRecipient = Annotated[str, AfterValidator(_recipient)]


class MailRecipientSettings(ProcessSettings):
    """Whether e-mail is sent, and to whom. The api checks mailboxes when they are given, the projector at every try."""

    smtp_url: SmtpUrl | None = Field(
        None,
        description="Mail server that e-mail goes through: smtp://host:587 with STARTTLS, or smtps://host:465 with TLS "
        "from the first byte. Without it no e-mail is sent.",
    )
    mail_recipients: Annotated[list[MailRecipient], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=list,
        description="Mailboxes and domains that may get e-mail, such as example.com, separated by commas; * for all. "
        "The file of tenants may allow a tenant fewer.",
    )

    @model_validator(mode="after")
    def _names_recipients(self) -> MailRecipientSettings:
        if self.smtp_url and not self.mail_recipients:
            raise ValueError(
                "KINOLOG_SMTP_URL needs KINOLOG_MAIL_RECIPIENTS: the mailboxes and domains that may get e-mail"
            )
        return self


class MailSettings(MailRecipientSettings):
    """How e-mail is sent."""

    mail_from: Annotated[str, AfterValidator(_sender)] = Field(
        "", description="Sender of e-mail, such as kinolog <kinolog@example.com>."
    )
    smtp_user: str = Field("", description="User name at the mail server; empty for none.")
    smtp_password_file: Path | None = Field(None, description="File with the password of that user.")
    smtp_without_tls: bool = Field(
        False,
        description="Send e-mail to an smtp:// server without encryption, such as one on this machine. No password is "
        "sent then.",
    )

    @model_validator(mode="after")
    def _names_a_sender(self) -> MailSettings:
        if self.smtp_url and not self.mail_from:
            raise ValueError("KINOLOG_SMTP_URL needs KINOLOG_MAIL_FROM: the sender of e-mail")
        if bool(self.smtp_user) != (self.smtp_password_file is not None):
            raise ValueError(
                "KINOLOG_SMTP_USER and KINOLOG_SMTP_PASSWORD_FILE come together: set both, or none"
            )
        if self.smtp_user and self.smtp_without_tls:
            raise ValueError("KINOLOG_SMTP_USER needs TLS: unset KINOLOG_SMTP_WITHOUT_TLS")
        return self

    def mail_server(self) -> MailServer | None:
        """Return the mail server; None without one. Raises ValueError for a password that cannot be read."""
        if self.smtp_url is None:
            return None
        return MailServer.of(
            self.smtp_url,
            sender=sender_of(self.mail_from),
            without_tls=self.smtp_without_tls,
            user=self.smtp_user,
            password=_password(self.smtp_password_file) if self.smtp_password_file else "",
        )


def _password(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"the password of the mail server cannot be read from {path}: {error}; correct KINOLOG_SMTP_PASSWORD_FILE"
        ) from error
    password = text.strip("\r\n")
    if not password or len(text) > MAX_PASSWORD_BYTES or not password.isprintable():
        raise ValueError(
            f"{path} holds no password: write it there, on one line, or correct KINOLOG_SMTP_PASSWORD_FILE"
        )
    return password
