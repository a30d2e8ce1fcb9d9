"""The API keys of a server: whether it gives out any, and those that it gave out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from kinolog_client.jobs import ClientModel
from kinolog_client.rest import GatewayRest

PATH = "/mcp/keys"


class Offer(Enum):
    """What a server does about keys."""

    LISTED = "it gives them out, and lists them"
    ASKED_FOR = "it asks for one, and gives out none"
    OPEN = "it asks for none"


class ApiKeyInfo(ClientModel):
    """A key that was given out, never the key itself."""

    key_id: str
    name: str | None = None
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class _Keys(ClientModel):
    keys: tuple[ApiKeyInfo, ...] = ()


class _Document(ClientModel):
    paths: dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeysAnswer:
    """What a server does about keys, and the keys that it lists."""

    offer: Offer
    keys: tuple[ApiKeyInfo, ...] = ()


async def read_keys(rest: GatewayRest) -> KeysAnswer:
    """Ask what is offered, then for it. Raises `Trouble`."""
    document = await rest.read(_Document, "/openapi.json")
    if PATH in document.paths:
        return KeysAnswer(Offer.LISTED, (await rest.read(_Keys, PATH)).keys)
    return KeysAnswer(Offer.ASKED_FOR if await rest.refuses_strangers(PATH) else Offer.OPEN)
