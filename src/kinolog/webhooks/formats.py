"""The forms that messages of webhooks may have: kinolog's own, and those of other services."""

from __future__ import annotations

from enum import StrEnum

from kinolog.webhooks.address import MAIL_SCHEME, WebhookAddress


class WebhookFormat(StrEnum):
    """Forms of messages."""

    KINOLOG = "kinolog"
    OPENAI = "openai"
    REPLICATE = "replicate"
    FAL = "fal"


def stored_format(name: str) -> str:
    """Return a format as facts and jobs store it: that of kinolog is empty, as in facts of earlier versions."""
    return "" if name == WebhookFormat.KINOLOG else name


def format_problem(address: WebhookAddress, name: str) -> str:
    """Return why messages to an address cannot have a format; empty if they can."""
    if address.scheme == MAIL_SCHEME and stored_format(name):
        return "must be kinolog for a mailbox: an e-mail is the same in every format"
    return ""
