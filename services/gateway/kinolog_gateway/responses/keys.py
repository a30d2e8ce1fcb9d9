"""API keys in REST responses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import Field

from kinolog.v1 import access_pb2 as pb
from kinolog_gateway.enum_names import ScopeName, scope_name, time_field
from kinolog_gateway.responses.job_parts import ResponseModel


class ApiKeyView(ResponseModel):
    """An API key, without the key itself."""

    key_id: str = Field(description="The public part of the key.", examples=["abcdefghij23"])
    name: str = Field(description="A name for people; may be empty.")
    tenant: str = Field(description="The tenant that the key is of; `*` for every tenant.")
    actor: str = Field(description="Whose commands those with the key are.")
    scopes: list[ScopeName] = Field(description="What the key may do.")
    created_at: datetime
    created_by: str = Field(description="The actor who created it.")
    expires_at: datetime | None = Field(description="When the key ends; null for no end.")
    last_used_at: datetime | None = Field(description="To the minute; null if it was not used.")
    revoked_at: datetime | None
    revoked_by: str = Field(description="The actor who revoked it; empty if it was not revoked.")


class CreatedKeyView(ApiKeyView):
    """An API key that was just created, with the key itself."""

    secret: str = Field(
        description="The key: present it as Authorization: Bearer. It is shown once; only its hash is stored."
    )


class ApiKeyListView(ResponseModel):
    """Keys, newest first."""

    keys: list[ApiKeyView]
    next_cursor: str | None = Field(description="Cursor of the next page; null after the last.")


class CallerView(ResponseModel):
    """As whom a caller is known."""

    tenant: str = Field(description="On whose behalf it calls.")
    actor: str = Field(description="Whose commands its are.")
    scopes: list[ScopeName] = Field(description="What it may do.")
    key_id: str = Field(description="The id of its key; empty without a created key.")
    every_tenant: bool = Field(description="Whether it may manage the keys of every tenant.")
    expires_at: datetime | None = Field(description="When its key ends; null for no end.")


def scope_names(numbers: Iterable[int]) -> list[ScopeName]:
    """Return the names of scopes. Those of a later version of the api are left out."""
    return [name for number in numbers if (name := scope_name(number)) is not None]


def key_fields(key: pb.ApiKey) -> dict[str, Any]:
    """Return the fields of a view of a key."""
    return {
        "key_id": key.key_id,
        "name": key.name,
        "tenant": key.tenant,
        "actor": key.actor,
        "scopes": scope_names(key.scopes),
        "created_at": time_field(key, "created_at"),
        "created_by": key.created_by,
        "expires_at": time_field(key, "expires_at"),
        "last_used_at": time_field(key, "last_used_at"),
        "revoked_at": time_field(key, "revoked_at"),
        "revoked_by": key.revoked_by,
    }
