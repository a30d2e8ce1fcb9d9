"""Operations about API keys, and about who the caller is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kinolog_client.http.operation import (
    API_PREFIX,
    HttpAnswer,
    Operation,
    model_of,
    read_document,
)
from kinolog_client.models.access import ApiKeyInfo, ApiKeyListInfo, CallerInfo, CreatedKeyInfo
from kinolog_client.models.tickets import TicketInfo
from kinolog_client.models.usage import UsageInfo


def create_key(
    actor: str,
    *,
    scopes: Sequence[str] = (),
    name: str = "",
    tenant: str = "",
    expires_at: datetime | None = None,
) -> Operation[CreatedKeyInfo]:
    """Create an API key of an actor. The answer has the key itself in `secret`, and no later one does.

    Without scopes the key may do all but manage keys. `tenant` is the caller's own unless it is named; `*` stands for
    every tenant. Raises `Forbidden` for a key without the scope `admin`.
    """
    body: dict[str, Any] = {"actor": actor, "scopes": list(scopes), "name": name, "tenant": tenant}
    if expires_at is not None:
        body["expires_at"] = expires_at.isoformat()
    return Operation(
        method="POST",
        route=f"{API_PREFIX}/keys",
        body=body,
        repeatable=False,
        read=model_of(CreatedKeyInfo),
    )


def api_keys(
    *, tenant: str = "", include_ended: bool = False, limit: int = 100, cursor: str | None = None
) -> Operation[ApiKeyListInfo]:
    """Return API keys, newest first. Raises `Forbidden` for a key without the scope `admin`."""
    params = {"tenant": tenant, "limit": str(limit), "include_ended": "true" if include_ended else ""}
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/keys",
        params={name: value for name, value in {**params, "cursor": cursor or ""}.items() if value},
        read=model_of(ApiKeyListInfo),
    )


def revoke_key(key_id: str) -> Operation[ApiKeyInfo]:
    """Revoke an API key for good: calls are refused at once and open streams end. Raises `NotFound`."""
    return Operation(
        method="DELETE",
        route=f"{API_PREFIX}/keys/{{key_id}}",
        path_values={"key_id": key_id},
        read=model_of(ApiKeyInfo),
    )


def create_ticket(job_id: str | None = None, *, valid_seconds: int | None = None) -> Operation[TicketInfo]:
    """Create a ticket that stands for the key where a browser can send none.

    With a job it reads the files of that job, for ten minutes or as long as `valid_seconds` says, at most a day.
    Without one it opens one WebSocket, within half a minute, or at most five. It ends with the key and the job's
    erasure.
    """
    body = {"job_id": job_id, "valid_seconds": valid_seconds}
    return Operation(
        method="POST",
        route=f"{API_PREFIX}/tickets",
        body={name: value for name, value in body.items() if value is not None},
        read=model_of(TicketInfo),
    )


def who_am_i() -> Operation[CallerInfo]:
    """Return as whom the caller is known, and what its key may do."""
    return Operation(method="GET", route=f"{API_PREFIX}/whoami", read=model_of(CallerInfo))


def usage() -> Operation[UsageInfo]:
    """Return what the caller's tenant uses and what it may use."""
    return Operation(method="GET", route=f"{API_PREFIX}/usage", read=model_of(UsageInfo))


def requires_key() -> Operation[bool]:
    """Return whether the gateway refuses requests that present no key."""
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/whoami",
        read=_read_requires_key,
        with_key=False,
        accepted=frozenset({401, 403, 404, 405, 503, 504}),
    )


def _read_requires_key(answer: HttpAnswer) -> bool:
    read_document(answer)  # a caller, or the problem of a refusal
    return answer.status == 401
