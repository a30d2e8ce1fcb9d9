"""CreateKey, ListKeys, RevokeKey: the API keys of a tenant."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from secrets import token_bytes

from grpc import StatusCode

from kinolog.access.access_log import AccessLog, KeyUses
from kinolog.access.api_key import (
    EVERY_TENANT,
    USER_SCOPES,
    ApiKey,
    ApiKeyCreated,
    ApiKeyRevoked,
    Scope,
)
from kinolog.access.key_text import ID_BYTES, SECRET_BYTES, new_key
from kinolog.codec.access import api_key_to_proto, scopes_from_proto
from kinolog.counts import counted
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict
from kinolog.process.logs import fields
from kinolog.v1 import access_service_pb2 as pb
from kinolog_api.api_keys.fact_log import TRIES, FactLog
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument
from kinolog_api.rpc.page_tokens import cursor_from_token, page_token
from kinolog_api.rpc.validation import parse_time

logger = logging.getLogger(__name__)

MAX_LIVE_KEYS = 1_000
"""Live keys of a tenant."""
DEFAULT_PAGE_SIZE = 100


class ManageKeys:
    """Creates, lists and revokes keys of the caller's tenant, or of any tenant for a caller of every tenant."""

    def __init__(self, log: AccessLog, directory: KeyDirectory, uses: KeyUses, clock: Clock) -> None:
        self._facts = FactLog(log, directory, clock)
        self._directory = directory
        self._uses = uses
        self._clock = clock
        self._creating = asyncio.Lock()  # calls at the same time are counted one after the other

    async def create(self, request: pb.CreateKeyRequest, call: RpcCall) -> pb.CreateKeyResponse:
        """CreateKey."""
        tenant = _tenant(request.tenant or call.tenant, call)
        scopes = scopes_from_proto(request.scopes) or USER_SCOPES
        _check_given(scopes, call)
        now = self._clock()
        expires_at = _expiry(request, now)
        async with self._creating:
            live = sum(key.tenant == tenant and key.is_live(now) for key in self._directory.all_keys())
            if live >= MAX_LIVE_KEYS:
                message = f"tenant {tenant} has {counted(live, 'key')} and may have no more: revoke what nobody needs"
                raise RpcError(StatusCode.FAILED_PRECONDITION, "TOO_MANY_KEYS", message)
            made = new_key(token_bytes(ID_BYTES), token_bytes(SECRET_BYTES))
            created = ApiKeyCreated(
                tenant=tenant,
                actor=request.actor,
                scopes=scopes,
                digest=made.digest,
                name=request.name,
                expires_at=expires_at,
            )
            key = await self._append(made.key_id, "create", created, call, at=now)
        logger.info(
            "an API key was created", extra=fields("key_created", expires=expires_at, **_facts(key, call))
        )
        return pb.CreateKeyResponse(key=api_key_to_proto(key), secret=made.text)

    async def list_keys(self, request: pb.ListKeysRequest, call: RpcCall) -> pb.ListKeysResponse:
        """ListKeys."""
        everything = not request.tenant and call.is_operator
        tenant = "" if everything else _tenant(request.tenant or call.tenant, call)
        now = self._clock()
        query = f"keys {tenant} {request.include_ended}".encode()
        before = int(cursor_from_token(request.page_token, query)) if request.page_token else None
        matching = [
            key
            for key in self._directory.all_keys()
            if (everything or key.tenant == tenant)
            and (request.include_ended or key.is_live(now))
            and (before is None or key.created_position < before)
        ]
        matching.sort(key=lambda key: key.created_position, reverse=True)
        size = request.page_size or DEFAULT_PAGE_SIZE
        shown = matching[:size]
        uses = await self._uses.last_uses()
        cursor = str(shown[-1].created_position) if len(matching) > size else ""
        return pb.ListKeysResponse(
            keys=[api_key_to_proto(key, uses.get(key.key_id)) for key in shown],
            next_page_token=page_token(cursor, query),
        )

    async def revoke(self, request: pb.RevokeKeyRequest, call: RpcCall) -> pb.RevokeKeyResponse:
        """RevokeKey."""
        for remaining in reversed(range(TRIES)):
            key = self._visible(request.key_id, call)
            if key.revoked_at is not None:
                break
            try:
                key = await self._append(key.key_id, "revoke", ApiKeyRevoked(), call, key)
            except AppendConflict:
                if not remaining:
                    raise
                await self._directory.load()
            else:
                logger.info("an API key was revoked", extra=fields("key_revoked", **_facts(key, call)))
                break
        return pb.RevokeKeyResponse(key=api_key_to_proto(key))

    async def _append(
        self,
        key_id: str,
        command: str,
        fact: ApiKeyCreated | ApiKeyRevoked,
        call: RpcCall,
        before: ApiKey | None = None,
        at: datetime | None = None,
    ) -> ApiKey:
        """Store a fact, and return the key after it as soon as this api knows it."""
        await self._facts.append(key_id, command, fact, call.actor, before, at)
        key = self._directory.by_id(key_id)
        if key is None:
            raise AssertionError("a stored key is not known")
        return key

    def _visible(self, key_id: str, call: RpcCall) -> ApiKey:
        """Return a key. Raises NOT_FOUND for one of another tenant, as for one that does not exist."""
        key = self._directory.by_id(key_id)
        if key is None or not (call.every_tenant or key.tenant == call.tenant):
            message = f"there is no key {key_id}"
            raise RpcError(StatusCode.NOT_FOUND, "KEY_NOT_FOUND", message, metadata={"key_id": key_id})
        return key


def _tenant(tenant: str, call: RpcCall) -> str:
    """Return the tenant whose keys the caller manages. Raises `RpcError` for one that is not the caller's."""
    if tenant != call.tenant and not call.every_tenant:
        named = "every tenant" if tenant == EVERY_TENANT else f"tenant {tenant}"
        message = f"this key manages the keys of tenant {call.tenant} only, not those of {named}"
        raise RpcError(StatusCode.PERMISSION_DENIED, "OTHER_TENANT", message)
    return tenant


def _check_given(scopes: frozenset[Scope], call: RpcCall) -> None:
    """Raise PERMISSION_DENIED if the caller lacks a scope that it would give to a key."""
    lacking = ", ".join(sorted(scopes - call.scopes))
    if lacking:
        message = (
            f"this key gives no scopes that it lacks ({lacking}): name others, or use a key that has them"
        )
        raise RpcError(StatusCode.PERMISSION_DENIED, "SCOPE_MISSING", message, metadata={"scope": lacking})


def _expiry(request: pb.CreateKeyRequest, now: datetime) -> datetime | None:
    if not request.HasField("expires_at"):
        return None
    expires_at = parse_time(request.expires_at, "expires_at")
    if expires_at <= now:
        raise invalid_argument([RequestViolation("expires_at", "must be in the future")])
    return expires_at


def _facts(key: ApiKey, call: RpcCall) -> dict[str, object]:
    """Return what a log line about a key names: never the key itself."""
    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "holder": key.actor,
        "scopes": ",".join(sorted(key.scopes)),
        "actor": call.actor,
        **call.origin,
    }
