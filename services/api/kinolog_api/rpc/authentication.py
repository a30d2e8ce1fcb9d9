"""Authentication: the tenant and the actor of a call.

Without a key file the api listens on loopback only and takes both from the metadata that the gateway sends
(`x-kinolog-tenant`, `x-kinolog-actor`). With a key file every call needs a key (`authorization: Bearer KEY`).
kinolog.process.api_keys describes the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from grpc import StatusCode

from kinolog.network_addresses import is_loopback
from kinolog.process.api_keys import (
    ACTOR,
    ACTOR_FORM,
    TENANT,
    TENANT_FORM,
    InvalidKeyFile,
    KeyHolder,
    key_digest,
    read_keys,
)
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument

TENANT_KEY = "x-kinolog-tenant"
ACTOR_KEY = "x-kinolog-actor"
ANONYMOUS = "anonymous"


Metadata = Iterable[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The tenant and actor of a call.

    An operator has a key that is valid for every tenant, and calls on behalf of none.
    """

    tenant: str
    actor: str
    is_operator: bool = False


class Authenticator:
    """Identifies callers by the metadata of their calls. `keys` are by SHA-256 of the key; None needs no key."""

    def __init__(self, default_tenant: str, keys: Mapping[bytes, KeyHolder] | None = None) -> None:
        self._default = Caller(tenant=default_tenant, actor=ANONYMOUS)
        self._keys = keys

    def identify(self, metadata: Metadata) -> Caller:
        """Return the caller. Raises `RpcError` if the key is missing or the metadata is not valid."""
        tenant = actor = authorization = ""
        for name, value in metadata:
            if name == TENANT_KEY:
                tenant = str(value)
            elif name == ACTOR_KEY:
                actor = str(value)
            elif name == "authorization":
                authorization = str(value)
        is_operator = False
        if self._keys is not None:
            tenant, actor = _merge(self._key_holder(authorization), tenant, actor)
            is_operator = not tenant
        elif not tenant and not actor:
            return self._default
        return self._validated(
            tenant or self._default.tenant, actor or self._default.actor, is_operator=is_operator
        )

    def _key_holder(self, authorization: str) -> KeyHolder:
        scheme, _, key = authorization.partition(" ")
        holder = None
        if self._keys is not None and scheme.lower() == "bearer":
            holder = self._keys.get(key_digest(key.strip()))
        if holder is None:
            message = "send an API key in the metadata: authorization: Bearer KEY"
            raise RpcError(StatusCode.UNAUTHENTICATED, "KEY_REQUIRED", message)
        return holder

    def _validated(self, tenant: str, actor: str, *, is_operator: bool) -> Caller:
        violations = []
        if not TENANT.fullmatch(tenant):
            violations.append(RequestViolation(TENANT_KEY, TENANT_FORM))
        if not ACTOR.fullmatch(actor):
            violations.append(RequestViolation(ACTOR_KEY, ACTOR_FORM))
        if violations:
            raise invalid_argument(violations)
        return Caller(tenant=tenant, actor=actor, is_operator=is_operator)


def _merge(holder: KeyHolder, tenant: str, actor: str) -> tuple[str, str]:
    """Return tenant and actor of a call with a key. Those of the key take precedence over the metadata."""
    if holder.tenant and tenant and tenant != holder.tenant:
        message = f"this key does not belong to tenant {tenant}"
        raise RpcError(StatusCode.PERMISSION_DENIED, "OTHER_TENANT", message)
    return holder.tenant or tenant, holder.actor or actor


def authenticator_for(host: str, key_file: Path | None, default_tenant: str) -> Authenticator:
    """Return the authenticator of an api that listens on `host`.

    Raises `InvalidKeyFile` if the file cannot be used, or if other machines could call without a key.
    """
    if key_file is not None:
        return Authenticator(default_tenant, read_keys(key_file))
    if not is_loopback(host):
        raise InvalidKeyFile(
            f"the api would listen on {host}, which other machines can reach, without API keys: set "
            "KINOLOG_API_KEY_FILE to a file with one key per line, or KINOLOG_API_HOST to 127.0.0.1"
        )
    return Authenticator(default_tenant)
