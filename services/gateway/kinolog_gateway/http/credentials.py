"""API keys from a file, and who a request comes from.

The file is the api's own: a line is `KEY`, `KEY TENANT` or `KEY TENANT ACTOR`, and `#` begins a comment. The gateway
asks for a key at its door and hands it on; whom a key speaks for is the api's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

from kinolog.process.settings import is_loopback

SHORTEST_KEY = 16


class BadKeyFileError(ValueError):
    """A key file that cannot be used, or one that is missing where it is needed; says what to do."""


@dataclass(frozen=True, slots=True)
class HttpCaller:
    """Who a request comes from: the key that it presented, if any, and the tenant that the key is for."""

    key: str | None = None
    tenant: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What a call to the api carries, so that it sees the same caller."""
        return (("authorization", f"Bearer {self.key}"),) if self.key else ()

    @property
    def audience(self) -> str:
        """Callers of one audience see the same jobs."""
        return f"tenant {self.tenant}" if self.tenant else f"key {self.key or ''}"


class ApiKeys:
    """The keys that open the gateway, by their hashes, with the tenant of each. Without keys it is always open."""

    def __init__(self, tenants: Mapping[bytes, str] | None = None) -> None:
        self._tenants = dict(tenants or {})

    def __bool__(self) -> bool:
        return bool(self._tenants)

    def identify(self, key: str | None) -> HttpCaller | None:
        """Who presents `key`; None when it is not one of the keys. Takes the same time for every key."""
        if not self._tenants:
            return HttpCaller(key)
        digest = sha256((key or "").encode()).digest()
        found: HttpCaller | None = None
        for known, tenant in self._tenants.items():
            if compare_digest(known, digest):
                found = HttpCaller(key, tenant)
        return found


def read_keys(path: Path) -> ApiKeys:
    """The keys in a file. Raises BadKeyFileError, which names the line but never the key."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadKeyFileError(f"cannot read the API key file {path}: {error}") from error
    tenants: dict[bytes, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split(maxsplit=2)
        if not words:
            continue
        if len(words[0]) < SHORTEST_KEY or not words[0].isascii():
            raise BadKeyFileError(
                f"{path}, line {number}: a key needs at least {SHORTEST_KEY} ASCII characters"
            )
        tenants[sha256(words[0].encode()).digest()] = words[1] if len(words) > 1 else ""
    if not tenants:
        raise BadKeyFileError(f"the API key file {path} holds no key; write one per line")
    return ApiKeys(tenants)


def keys_for(host: str, key_file: Path | None) -> ApiKeys:
    """The keys of a gateway that listens on `host`. Raises BadKeyFileError when others could call without a key."""
    if key_file is not None:
        return read_keys(key_file)
    if not is_loopback(host):
        raise BadKeyFileError(
            f"the gateway would listen on {host}, which other machines can reach, without keys: set "
            "KINOLOG_API_KEY_FILE to a file with one key per line, or KINOLOG_GATEWAY_HOST to 127.0.0.1"
        )
    return ApiKeys()


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key of a request: `Authorization: Bearer <key>`, or `X-API-Key: <key>`."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else ""
    key = key or headers.get("x-api-key", "").strip()
    return key if key.isascii() and key else None
