"""How API keys are written: `kino_<id>_<secret>`. The id is public, and known from the hash of the whole key.

Access tickets, which stand for a key, begin with `TICKET_PREFIX`. Tokens of identity providers are JSON Web Tokens.
"""

from __future__ import annotations

import re
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256

ID_BYTES = 8
"""Random bytes of an id, of which 60 bits are written."""
SECRET_BYTES = 20
"""Random bytes of a secret: 160 bits."""
_ID_LENGTH = 12
_KEY = re.compile(r"kino_([a-z2-7]{12})_[a-z2-7]{32}")
_PREFIX = "kino_"
TICKET_PREFIX = "kinot1."
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made. `text` is the key itself: show it once, and store its digest."""

    key_id: str
    text: str

    @property
    def digest(self) -> bytes:
        """The hash by which the key is known."""
        return key_digest(self.text)


def new_key(random_id: bytes, random_secret: bytes) -> NewKey:
    """Return a key of `ID_BYTES` and `SECRET_BYTES` random bytes."""
    key_id = _written(random_id)[:_ID_LENGTH]
    return NewKey(key_id=key_id, text=f"{_PREFIX}{key_id}_{_written(random_secret)}")


def id_in_key(text: str) -> str:
    """Return the id in a key; empty for a text that is not written like one."""
    found = _KEY.fullmatch(text)
    return found[1] if found else ""


def is_meant_as_key(text: str) -> bool:
    """Return whether a text begins like a key. One that goes on otherwise was cut off or mistyped."""
    return text.startswith(_PREFIX)


def is_ticket(text: str) -> bool:
    """Return whether a text is written like an access ticket."""
    return text.startswith(TICKET_PREFIX)


def is_token(text: str) -> bool:
    """Return whether a text is written like a JSON Web Token: an identity provider issued it, if it is one."""
    return _TOKEN.fullmatch(text) is not None


def is_judged_by_api(text: str) -> bool:
    """Return whether only the api knows what a text stands for: it is meant as a created key, a ticket or a token."""
    return is_meant_as_key(text) or is_ticket(text) or is_token(text)


def key_digest(key: str) -> bytes:
    """Return the SHA-256 by which a key is known: the key itself is not kept in memory."""
    return sha256(key.encode()).digest()


def _written(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=").lower()
