"""The file of API keys, which api and gateway share.

A line is `KEY`, `KEY TENANT` or `KEY TENANT ACTOR`; `#` starts a comment. A key without a tenant is valid for every
tenant: it is the gateway's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

MIN_KEY_CHARACTERS = 16

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TENANT_FORM = "must be 1 to 64 letters, digits and ._-"
ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+ -]{0,127}")
ACTOR_FORM = "must be 1 to 128 letters, digits, blanks and ._:@/+-"


class InvalidKeyFile(ValueError):
    """The key file cannot be used, or none is configured where one is needed. The text states what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """The tenant and actor of a key; empty where the caller names them."""

    tenant: str = ""
    actor: str = ""


def read_keys(path: Path) -> dict[bytes, KeyHolder]:
    """Return key holders by `key_digest`. Raises `InvalidKeyFile`, which names the line but never the key."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidKeyFile(f"cannot read the API key file {path}: {error}") from error
    keys: dict[bytes, KeyHolder] = {}
    for number, line in enumerate(lines, 1):
        key, *owner = line.partition("#")[0].split(maxsplit=2) or [""]
        if not key:
            continue
        if len(key) < MIN_KEY_CHARACTERS or not key.isascii():
            raise InvalidKeyFile(
                f"{path}, line {number}: a key must have at least {MIN_KEY_CHARACTERS} ASCII characters"
            )
        tenant, actor = (*owner, "", "")[:2]
        if tenant and not TENANT.fullmatch(tenant):
            raise InvalidKeyFile(f"{path}, line {number}: the tenant {TENANT_FORM}")
        if actor.strip() and not ACTOR.fullmatch(actor.strip()):
            raise InvalidKeyFile(f"{path}, line {number}: the actor {ACTOR_FORM}")
        keys[key_digest(key)] = KeyHolder(tenant=tenant, actor=actor.strip())
    if not keys:
        raise InvalidKeyFile(f"the API key file {path} has no key; write one per line")
    return keys


def key_digest(key: str) -> bytes:
    """Return the SHA-256 by which a key is known: the key itself is not kept in memory."""
    return sha256(key.encode()).digest()
