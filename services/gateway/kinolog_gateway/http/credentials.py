"""API keys from a file, and the caller of a request.

The file is the same as the api's (kinolog.process.api_keys). The gateway checks the key of a request and passes it on.
The api decides which actor a key stands for, and what it may do. `callers` beside this knows keys that the api created.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path

from kinolog.access.api_key import ALL_SCOPES, Scope
from kinolog.access.key_text import is_ticket, key_digest
from kinolog.connections.named_client import CLIENT_ADDRESS_KEY, CLIENT_PROGRAM_KEY, CLIENT_ROUTE_KEY
from kinolog.network_addresses import is_loopback
from kinolog.process.api_keys import InvalidKeyFile, KeyHolder, read_keys
from kinolog_gateway.http.problems import HttpProblemError


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCaller:
    """The caller of a request: the key that it presented, if any, its tenant and scopes, and where it calls from."""

    key: str | None = None
    tenant: str = ""
    scopes: frozenset[Scope] = ALL_SCOPES
    """What the key may do, as far as the gateway checks it: what all clients of a tenant share needs `read`."""
    address: str = ""
    """For the api's log lines, and for the record of commands."""
    program: str = ""
    """The first product of its user agent, for the same."""
    route: str = ""
    """Method and path template of the request, for the record of reads."""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of calls to the api, so that it sees the same caller."""
        key = (("authorization", f"Bearer {self.key}"),) if self.key else ()
        address = ((CLIENT_ADDRESS_KEY, self.address),) if self.address else ()
        program = ((CLIENT_PROGRAM_KEY, self.program),) if self.program else ()
        route = ((CLIENT_ROUTE_KEY, self.route),) if self.route else ()
        return (*key, *address, *program, *route)

    @property
    def has_ticket(self) -> bool:
        """Whether it presents a ticket in place of a key."""
        return self.key is not None and is_ticket(self.key)

    @property
    def tenant_key(self) -> str:
        """Equal for callers that see the same jobs."""
        return f"tenant {self.tenant}" if self.tenant else f"key {self.key or ''}"

    def check_scope(self, scope: Scope) -> None:
        """Raise the problem of a caller whose key lacks a scope."""
        if scope not in self.scopes:
            raise HttpProblemError(
                403, "SCOPE_MISSING", f"this key lacks the scope {scope.value}; use a key that has it"
            )


class ApiKeys:
    """The keys that the gateway accepts, by hash, with the tenant of each. Without keys it accepts every request."""

    def __init__(
        self,
        holders: Mapping[bytes, KeyHolder] | None = None,
        *,
        require_key: bool = False,
        own_user_only: bool = False,
    ) -> None:
        """Take the keys.

        Without any, `require_key` accepts only keys that the api created, and else `own_user_only` admits only
        processes of this user and of root.
        """
        self._holders = dict(holders or {})
        self._is_required = require_key or bool(holders)
        self.own_user_only = own_user_only and not self._is_required

    def __bool__(self) -> bool:
        return self._is_required

    def identify(self, key: str | None) -> HttpCaller | None:
        """Return the caller that presents `key`, or None if it is not one of the keys. Takes constant time."""
        if not self._is_required:
            return HttpCaller(key=key)
        digest = key_digest(key or "")
        found: HttpCaller | None = None
        for known, holder in self._holders.items():
            if compare_digest(known, digest):
                found = HttpCaller(key=key, tenant=holder.tenant)
        return found


def keys_for(
    host: str, key_file: Path | None, *, require_key: bool = False, no_auth: bool = False
) -> ApiKeys:
    """Return the keys of a gateway that listens on `host`.

    Raises InvalidKeyFile if other machines could call without a key, or if the file is not valid.
    """
    if key_file is not None:
        return ApiKeys(read_keys(key_file))
    if require_key:
        return ApiKeys(require_key=True)
    if not is_loopback(host):
        raise InvalidKeyFile(
            f"the gateway would listen on {host}, which other machines can reach, without keys: set "
            "KINOLOG_API_KEY_FILE to a file with one key per line, or KINOLOG_REQUIRE_KEY to true if you have created "
            "a key (kinolog keys create), or KINOLOG_GATEWAY_HOST to 127.0.0.1"
        )
    return ApiKeys(own_user_only=not no_auth)


def presented_key(headers: Mapping[str, str]) -> str | None:
    """Return the key in `Authorization: Bearer <key>` or `X-API-Key: <key>`, or None."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else ""
    key = key or headers.get("x-api-key", "").strip()
    return key if key.isascii() and key else None
