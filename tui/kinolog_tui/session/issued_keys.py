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
    """Return the keys of a server. Raises `GatewayError`."""
    document = await client.openapi()
    if ROUTE in document.get("paths", {}):
        return IssuedKeys(KeyPolicy.ISSUED, (await client.api_keys()).keys)
    return IssuedKeys(KeyPolicy.REQUIRED if await client.requires_key() else KeyPolicy.OPEN)
