"""Routes for API keys, and for who the caller is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from kinolog.v1 import access_service_pb2 as pb
from kinolog_gateway.enum_names import SCOPE_NUMBERS, time_field
from kinolog_gateway.http import text_patterns
from kinolog_gateway.requests.keys import KeyListQuery, NewKeyRequest
from kinolog_gateway.responses.keys import (
    ApiKeyListView,
    ApiKeyView,
    CallerView,
    CreatedKeyView,
    key_fields,
    scope_names,
)
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix="/api/v1", tags=["keys"], responses=PROBLEMS)


@router.post("/keys", status_code=201, response_model=CreatedKeyView, summary="Create an API key")
async def create_key(body: NewKeyRequest, api: Api, caller: Caller) -> Response:
    """Create a key. The response holds the key itself; no other one ever does. Needs the scope `admin`."""
    request = pb.CreateKeyRequest(
        tenant=body.tenant,
        actor=body.actor,
        scopes=[SCOPE_NUMBERS[scope] for scope in body.scopes],
        name=body.name,
    )
    if body.expires_at is not None:
        request.expires_at.FromDatetime(body.expires_at)
    answer = await api.call(api.access.CreateKey, request, caller)
    return json_response(CreatedKeyView(secret=answer.secret, **key_fields(answer.key)), status=201)


@router.get("/keys", response_model=ApiKeyListView, summary="API keys")
async def list_keys(query: Annotated[KeyListQuery, Query()], api: Api, caller: Caller) -> Response:
    """List keys, newest first. Needs the scope `admin`."""
    request = pb.ListKeysRequest(
        tenant=query.tenant,
        include_ended=query.include_ended,
        page_size=query.limit,
        page_token=query.cursor or "",
    )
    answer = await api.call(api.access.ListKeys, request, caller)
    keys = [ApiKeyView(**key_fields(key)) for key in answer.keys]
    return json_response(ApiKeyListView(keys=keys, next_cursor=answer.next_page_token or None))


@router.delete("/keys/{key_id}", response_model=ApiKeyView, summary="Revoke an API key")
async def revoke_key(
    key_id: Annotated[str, Path(pattern=text_patterns.KEY_ID, description="The id of the key.")],
    api: Api,
    caller: Caller,
) -> Response:
    """Revoke a key for good: calls are refused at once and open streams end. Needs the scope `admin`."""
    answer = await api.call(api.access.RevokeKey, pb.RevokeKeyRequest(key_id=key_id), caller)
    return json_response(ApiKeyView(**key_fields(answer.key)))


@router.get("/whoami", response_model=CallerView, summary="Who am I?")
async def who_am_i(api: Api, caller: Caller) -> Response:
    """Return as whom the caller is known, and what it may do. Needs a valid key and no scope."""
    answer = await api.call(api.access.WhoAmI, pb.WhoAmIRequest(), caller)
    return json_response(
        CallerView(
            tenant=answer.tenant,
            actor=answer.actor,
            scopes=scope_names(answer.scopes),
            key_id=answer.key_id,
            every_tenant=answer.every_tenant,
            expires_at=time_field(answer, "expires_at"),
        )
    )
