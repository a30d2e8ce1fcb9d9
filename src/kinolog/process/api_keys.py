"""The file of API keys, which api and gateway share.

A line is `KEY TENANT` or `KEY TENANT ACTOR`; `#` starts a comment. The tenant `*` stands for every tenant: such a key
is an operator's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from stat import S_IROTH, S_IXOTH

from kinolog.access.api_key import EVERY_TENANT
from kinolog.access.key_text import key_digest

MIN_KEY_CHARACTERS = 16

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TENANT_FORM = "must be 1 to 64 letters, digits and ._-"
ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+ -]{0,127}")
ACTOR_FORM = "must be 1 to 128 letters, digits, blanks and ._:@/+-"


class InvalidKeyFile(ValueError):
    """The key file cannot be used, or none is configured where one is needed. The text states what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """The tenant and actor of a key; empty for a key of every tenant, and where the caller names the actor."""

    tenant: str = ""
    actor: str = ""


def read_keys(path: Path) -> dict[bytes, KeyHolder]:
    """Return key holders by `key_digest`. Raises `InvalidKeyFile`, which names the line but never the key."""
    try:
        if _is_readable_by_others(path):
            raise InvalidKeyFile(
                f"other users of this machine can read the API key file {path}: run chmod o-rwx {path}"
            )
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidKeyFile(f"cannot read the API key file {path}: {error}") from error
    keys: dict[bytes, KeyHolder] = {}
    numbers: dict[bytes, int] = {}
    for number, line in enumerate(lines, 1):
        key, *owner = line.partition("#")[0].split(maxsplit=2) or [""]
        if not key:
            continue
        digest = key_digest(key)
        problem = _problem(key, owner)
        if not problem and digest in numbers:
            problem = f"the key of line {numbers[digest]} is here again; a key has one tenant and one actor"
        if problem:
            raise InvalidKeyFile(f"{path}, line {number}: {problem}")
        tenant, actor = (*owner, "")[:2]
        numbers[digest] = number
        keys[digest] = KeyHolder(tenant="" if tenant == EVERY_TENANT else tenant, actor=actor.strip())
    if not keys:
        raise InvalidKeyFile(f"the API key file {path} has no key; write one per line: KEY TENANT")
    return keys


def _problem(key: str, owner: list[str]) -> str:
    """Return what is wrong with a line; empty for a right one."""
    if len(key) < MIN_KEY_CHARACTERS or not key.isascii():
        return f"a key must have at least {MIN_KEY_CHARACTERS} ASCII characters"
    if not owner:
        return "the key has no tenant: write KEY TENANT, or KEY * for a key that is valid for every tenant"
    tenant, actor = (*owner, "")[:2]
    if tenant != EVERY_TENANT and not TENANT.fullmatch(tenant):
        return f"the tenant {TENANT_FORM}, or * for every tenant"
    if actor.strip() and not ACTOR.fullmatch(actor.strip()):
        return f"the actor {ACTOR_FORM}"
    return ""


def _is_readable_by_others(path: Path) -> bool:
    """Return whether the modes of a file and of the folders above it let every user read it. Raises `OSError`."""
    place = path.resolve(strict=True)
    return bool(place.stat().st_mode & S_IROTH) and all(
        folder.stat().st_mode & S_IXOTH for folder in place.parents
    )
