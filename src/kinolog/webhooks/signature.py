"""Secrets and signatures of webhooks, as https://www.standardwebhooks.com defines them."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
"""What a secret begins with."""
SECRET_BYTES = 32
"""Random bytes of a secret."""


def secret_text(random: bytes) -> str:
    """Return a secret as it is written: `whsec_` and base64."""
    return PREFIX + b64encode(random).decode()


def signed_headers(
    secrets: Iterable[str], message_id: str, timestamp_seconds: int, body: bytes
) -> Mapping[str, str]:
    """Return the headers of a call. Each secret makes one signature: two while a secret is replaced by another."""
    content = f"{message_id}.{timestamp_seconds}.".encode() + body
    signatures = (
        b64encode(hmac.digest(b64decode(secret.removeprefix(PREFIX)), content, "sha256")).decode()
        for secret in secrets
    )
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
