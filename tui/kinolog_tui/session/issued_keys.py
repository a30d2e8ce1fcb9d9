"""Which API keys a server issued, if it issues any."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kinolog_client import ApiKeyInfo, AsyncKinologClient

ROUTE = "/api/v1/keys"


class KeyPolicy(Enum):
    """What a server does about API keys."""

    ISSUED = "it issues keys and lists them"
    REQUIRED = "it requires a key and issues none"
    OPEN = "it requires no key"


@dataclass(frozen=True, slots=True)
class IssuedKeys:
    """The policy of a server, and the keys that it lists."""

    policy: KeyPolicy
    keys: tuple[ApiKeyInfo, ...] = ()


async def read_issued_keys(client: AsyncKinologClient) -> IssuedKeys:
    """Return the keys of a server. Raises `GatewayError`, also for a key that may not list them."""
    document = await client.openapi()
    is_issuing = ROUTE in document.get("paths", {})
    keys = (await client.api_keys()).keys if is_issuing else ()
    if keys:
        return IssuedKeys(KeyPolicy.ISSUED, keys)
    if not await client.requires_key():
        return IssuedKeys(KeyPolicy.OPEN)
    return IssuedKeys(KeyPolicy.ISSUED if is_issuing else KeyPolicy.REQUIRED)
