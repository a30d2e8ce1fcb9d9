"""Body and query of the routes for API keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from kinolog_gateway.http import text_patterns
from kinolog_gateway.requests.value_types import RequestModel, Rfc3339Time, Scopes, check_line


class NewKeyRequest(RequestModel):
    """A key to create."""

    actor: Annotated[str, Field(pattern=text_patterns.ACTOR)] = Field(
        description="Whose commands those with the key are.", examples=["ada"]
    )
    scopes: Scopes = Field(
        default_factory=list, description="What the key may do. Without any, all but `admin`."
    )
    name: Annotated[str, AfterValidator(check_line), Field(max_length=64)] = Field(
        "", description="A name for people."
    )
    tenant: Annotated[str, Field(pattern=text_patterns.TENANT)] = Field(
        "",
        description="The tenant; empty for the caller's own. `*` stands for every tenant.",
    )
    expires_at: Rfc3339Time | None = Field(None, description="When the key ends; null for no end.")


class KeyListQuery(RequestModel):
    """Filter and page of a list of keys."""

    tenant: Annotated[str, Field(pattern=text_patterns.TENANT)] = Field(
        "", description="The tenant; empty for the caller's own, or for all if the caller is an operator."
    )
    include_ended: bool = Field(False, description="Also those that are revoked or expired.")
    limit: int = Field(100, ge=1, le=1000, description="Most keys in the page.")
    cursor: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="next_cursor of the previous page; the rest of the query must be the same."
    )
