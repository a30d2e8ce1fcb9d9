"""Authentication: the tenant, the actor and the scopes of a call.

A key comes in the metadata: `authorization: Bearer KEY`. It is one of the key file (kinolog.process.api_keys), one that
AccessService created (kinolog.access), or a token of an identity provider (kinolog_api.identity_tokens). Without a key
file the api listens on loopback only, and a call without a key takes tenant and actor from the metadata that the
gateway sends (`x-kinolog-tenant`, `x-kinolog-actor`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from grpc import StatusCode

from kinolog.access.api_key import ALL_SCOPES, EVERY_TENANT, USER_SCOPES, ApiKey, Scope
from kinolog.access.key_text import id_in_key, is_meant_as_key, is_token, key_digest
from kinolog.access.token_issuers import IssuerUnavailable
from kinolog.network_addresses import is_loopback
from kinolog.ports.clock import Clock
from kinolog.process.api_keys import (
    ACTOR,
    ACTOR_FORM,
    TENANT,
    TENANT_FORM,
    InvalidKeyFile,
    KeyHolder,
    read_keys,
)
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.identity_tokens.token_verifier import TokenRefused, TokenVerifier
from kinolog_api.rpc.access_tickets import AccessTicket
from kinolog_api.rpc.errors import RETRY_SECONDS, RequestViolation, RpcError, invalid_argument

TENANT_KEY = "x-kinolog-tenant"
ACTOR_KEY = "x-kinolog-actor"
ANONYMOUS = "anonymous"


Metadata = Iterable[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The tenant, actor and scopes of a call, and the key that it presented.

    An operator has a key that is valid for every tenant, and calls on behalf of none. `every_tenant` also holds for one
    who calls on behalf of a tenant, and for callers of an api that needs no key.
    """

    tenant: str
    actor: str
    is_operator: bool = False
    """Whether the caller may read what concerns the jobs of all tenants."""
    every_tenant: bool = False
    """Whether the caller may call on behalf of every tenant."""
    sees_load: bool = False
    """Whether the caller may read what workers do for all tenants: an operator, or one who needs no key."""
    scopes: frozenset[Scope] = ALL_SCOPES
    key_id: str = ""
    """Id of a key that AccessService created. Empty for other keys."""
    key_digest: bytes = b""
    """Hash of the key; of a token, which changes often, of issuer, tenant and actor. Empty without one."""
    token_issuer: str = ""
    """Issuer of the token that was presented as the key. Empty for other keys."""
    expires_at: datetime | None = None
    ticket: AccessTicket | None = None
    """The ticket that was presented in place of the key."""

    @property
    def is_keyless(self) -> bool:
        """Whether the call presented neither a key nor a ticket."""
        return not self.key_digest and self.ticket is None

    def as_arguments(self) -> dict[str, Any]:
        """Return the fields by name, to make a call of this caller."""
        return dict(zip(_FIELDS, _values(self), strict=True))


_FIELDS = tuple(each.name for each in fields(Caller))
_values = attrgetter(*_FIELDS)


class KeyRefused(RpcError):
    """The key of a call is missing, unknown or not valid any more. `key_id` is its id, if it has one."""

    def __init__(self, reason: str, message: str, key_id: str = "") -> None:
        super().__init__(StatusCode.UNAUTHENTICATED, reason, message)
        self.key_id = key_id


class Authenticator:
    """Identifies callers by the metadata of their calls.

    `file_keys` are the keys of the key file by hash; None if there is none, and then calls need no key. `tokens` checks
    tokens of identity providers; without it none is accepted.
    """

    def __init__(
        self,
        default_tenant: str,
        directory: KeyDirectory,
        clock: Clock,
        file_keys: Mapping[bytes, KeyHolder] | None = None,
        tokens: TokenVerifier | None = None,
    ) -> None:
        self._default = Caller(tenant=default_tenant, actor=ANONYMOUS, every_tenant=True, sees_load=True)
        self._directory = directory
        self._clock = clock
        self._file_keys = file_keys
        self._tokens = tokens

    @property
    def takes_tokens(self) -> bool:
        """Whether tokens of identity providers are accepted as keys."""
        return self._tokens is not None

    async def prepare(self, key: str) -> None:
        """Wait for what `identify` needs to judge a key: those of the issuer, if it is a token. Raises `RpcError`."""
        if self._tokens is not None and is_token(key):
            with suppress(TokenRefused):  # `identify` says why
                await self._tokens.prepare(key)

    def identify(self, metadata: Metadata) -> Caller:
        """Return the caller. Raises `RpcError` if the key is not accepted or the metadata is not valid."""
        tenant = actor = authorization = ""
        for name, value in metadata:
            if name == TENANT_KEY:
                tenant = str(value)
            elif name == ACTOR_KEY:
                actor = str(value)
            elif name == "authorization":
                authorization = str(value)
        key = bearer_text(authorization)
        if self._file_keys is None and not is_meant_as_key(key) and not is_token(key):
            if not tenant and not actor:
                return self._default
            return self._validated(self._default, tenant, actor)
        return self._validated(self._holder(key), tenant, actor)

    def _holder(self, key: str) -> Caller:
        """Return what a key stands for, with an empty tenant for every tenant. Raises `RpcError`."""
        holder = self._holder_of_digest(key_digest(key))
        if holder is None and is_token(key):
            return self._token_holder(key)
        if holder is None:
            raise KeyRefused(
                "KEY_REQUIRED", "send an API key in the metadata: authorization: Bearer KEY", id_in_key(key)
            )
        return holder

    def issuer(self, ticket: AccessTicket) -> Caller | None:
        """Return for whom the key stands that issued a ticket; None if there is no such key.

        An empty hash stands for calls that need no key. A token is known by its issuer and its end, which the ticket
        has. Raises `RpcError` if the key has ended.
        """
        if ticket.token_issuer:
            return self._issuing_token(ticket)
        if not ticket.key_digest:
            return self._default if self._file_keys is None else None
        return self._holder_of_digest(ticket.key_digest)

    def _issuing_token(self, ticket: AccessTicket) -> Caller | None:
        """Return for whom a token stands that issued a ticket; None if it has ended, or its issuer is not trusted."""
        trusted = self._tokens is not None and self._tokens.trusts(ticket.token_issuer)
        if not trusted or ticket.token_ends_at is None or ticket.token_ends_at <= self._clock():
            return None
        return Caller(
            tenant=ticket.tenant,
            actor=ticket.actor,
            scopes=frozenset(),
            key_digest=ticket.key_digest,
            token_issuer=ticket.token_issuer,
            expires_at=ticket.token_ends_at,
        )

    def _token_holder(self, token: str) -> Caller:
        """Return for whom a token of an identity provider stands. Raises `RpcError`."""
        if self._tokens is None:
            raise KeyRefused(
                "TOKEN_REFUSED", "this api accepts no tokens (KINOLOG_OIDC_ISSUERS is empty): send an API key"
            )
        try:
            verified = self._tokens.verify(token)
        except TokenRefused as refusal:
            reason = "TOKEN_EXPIRED" if refusal.has_expired else "TOKEN_REFUSED"
            raise KeyRefused(
                reason, f"the token is not accepted: {refusal}; get a new one from its issuer"
            ) from None
        except IssuerUnavailable as problem:
            raise RpcError(
                StatusCode.UNAVAILABLE,
                "ISSUER_UNAVAILABLE",
                f"the token cannot be checked now: {problem}",
                retry_seconds=RETRY_SECONDS,
            ) from None
        holder = verified.holder
        return Caller(
            tenant=holder.tenant,
            actor=holder.actor,
            scopes=holder.scopes,
            key_digest=key_digest("\n".join((verified.issuer, holder.tenant, holder.actor))),
            token_issuer=verified.issuer,
            expires_at=verified.expires_at,
        )

    def _holder_of_digest(self, digest: bytes) -> Caller | None:
        holder = self._file_keys.get(digest) if self._file_keys is not None else None
        if holder is not None:
            return Caller(
                tenant=holder.tenant,
                actor=holder.actor,
                every_tenant=not holder.tenant,
                scopes=USER_SCOPES if holder.tenant else ALL_SCOPES,
                key_digest=digest,
            )
        found = self._directory.by_digest(digest)
        return None if found is None else self._issued(found)

    def _issued(self, key: ApiKey) -> Caller:
        """Return what a key that AccessService created stands for. Raises `RpcError` if it has ended."""
        if key.revoked_at is not None:
            raise KeyRefused("KEY_REVOKED", f"the key {key.key_id} was revoked; use another one", key.key_id)
        if key.has_expired(self._clock()):
            raise KeyRefused("KEY_EXPIRED", f"the key {key.key_id} has expired; use another one", key.key_id)
        if self._directory.problem:
            message = (
                "API keys cannot be checked, since their stream is damaged; the api's log has the details"
            )
            raise RpcError(StatusCode.UNAVAILABLE, "KEYS_UNAVAILABLE", message, retry_seconds=RETRY_SECONDS)
        return Caller(
            tenant="" if key.tenant == EVERY_TENANT else key.tenant,
            actor=key.actor,
            every_tenant=key.tenant == EVERY_TENANT,
            scopes=key.scopes,
            key_id=key.key_id,
            key_digest=key.digest,
            expires_at=key.expires_at,
        )

    def _validated(self, holder: Caller, tenant: str, actor: str) -> Caller:
        """Return the caller of a call whose metadata name a tenant and an actor. Those of the key take precedence."""
        if not holder.every_tenant and tenant not in ("", holder.tenant):
            message = f"this key does not belong to tenant {tenant}"
            raise RpcError(StatusCode.PERMISSION_DENIED, "OTHER_TENANT", message)
        is_keyless = holder is self._default
        called_for = tenant or holder.tenant or self._default.tenant
        called_by = actor or holder.actor if is_keyless else holder.actor or actor or ANONYMOUS
        violations = []
        if not TENANT.fullmatch(called_for):
            violations.append(RequestViolation(TENANT_KEY, TENANT_FORM))
        if not ACTOR.fullmatch(called_by):
            violations.append(RequestViolation(ACTOR_KEY, ACTOR_FORM))
        if violations:
            raise invalid_argument(violations)
        is_operator = holder.every_tenant and not tenant and not is_keyless
        sees_load = is_operator or is_keyless
        return replace(
            holder, tenant=called_for, actor=called_by, is_operator=is_operator, sees_load=sees_load
        )


def bearer_text(authorization: str) -> str:
    """Return the key in `Bearer KEY`; empty for another text."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def file_keys_for(
    host: str, key_file: Path | None, *, require_key: bool = False
) -> Mapping[bytes, KeyHolder] | None:
    """Return the keys of the key file of an api that listens on `host`; None if calls need no key.

    With `require_key` and no file there are none, and calls need a key that AccessService created.

    Raises `InvalidKeyFile` if the file cannot be used, or if other machines could call without a key.
    """
    if key_file is not None:
        return read_keys(key_file)
    if require_key:
        return {}
    if not is_loopback(host):
        raise InvalidKeyFile(
            f"the api would listen on {host}, which other machines can reach, without API keys: set "
            "KINOLOG_API_KEY_FILE to a file with one key per line, or KINOLOG_REQUIRE_KEY to true if you have created "
            "a key (kinolog keys create), or KINOLOG_API_HOST to 127.0.0.1"
        )
    return None
