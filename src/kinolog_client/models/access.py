"""API keys, and who the caller is."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.models.base import ClientModel


class ApiKeyInfo(ClientModel):
    """An API key that a server created, without the key itself. A tenant of `*` stands for every tenant."""

    key_id: str
    name: str | None = None
    tenant: str = ""
    actor: str = ""
    scopes: tuple[str, ...] = ()
    created_at: datetime | None = None
    created_by: str = ""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""


class CreatedKeyInfo(ApiKeyInfo):
    """An API key that was just created. `secret` is the key itself: no later answer has it."""

    secret: str


class ApiKeyListInfo(ClientModel):
    """API keys, newest first. `next_cursor` is None on the last page."""

    keys: tuple[ApiKeyInfo, ...] = ()
    next_cursor: str | None = None


class CallerInfo(ClientModel):
    """As whom a caller is known, and what it may do. `key_id` is empty without a key that the server created."""

    tenant: str
    actor: str
    scopes: tuple[str, ...] = ()
    key_id: str = ""
    every_tenant: bool = False
    expires_at: datetime | None = None
