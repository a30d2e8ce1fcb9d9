"""Checks tokens of identity providers: signature, issuer, audience and times (RFC 7519, RFC 8725, RFC 9068)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from kinolog.access.token_issuers import IssuerUnavailable, TokenIssuers
from kinolog_api.identity_tokens.claims import ClaimRules, ClaimUnusable, TokenHolder
from kinolog_api.identity_tokens.issuer_keys import IssuerKeys

MAX_TOKEN_CHARACTERS = 8_192
CHECK_SECONDS = 15.0
"""Pause between two calls of `TokenVerifier.refresh`."""
_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
"""Types of tokens that stand for a caller. Those for logout or for a proof of possession do not."""
_REQUIRED = ("exp", "iss", "aud")


class TokenRefused(Exception):
    """A token is not accepted. The text says why, and quotes nothing of it."""

    def __init__(self, text: str, *, has_expired: bool = False) -> None:
        super().__init__(text)
        self.has_expired = has_expired


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """An accepted token: its issuer, for whom it stands, and until when."""

    issuer: str
    holder: TokenHolder
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """Which tokens are accepted. Clocks may differ by `skew_seconds`."""

    audiences: Sequence[str]
    algorithms: Sequence[str]
    skew_seconds: float = 60.0
    claims: ClaimRules


class TokenVerifier:
    """Accepts the tokens of some issuers. `prepare` before `verify`: only the first one waits."""

    def __init__(
        self,
        issuers: Sequence[str],
        documents: TokenIssuers,
        rules: TokenRules,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = {issuer: IssuerKeys(issuer, documents, monotonic) for issuer in issuers}
        self._rules = rules

    async def prepare(self, token: str) -> None:
        """Read the keys of the token's issuer again if they lack the token's key. Raises `TokenRefused`."""
        keys, header, _ = self._addressed(token)
        await keys.look_for(header)

    def verify(self, token: str) -> VerifiedToken:
        """Return what the token says. Raises `TokenRefused`, or `IssuerUnavailable` if its key cannot be known."""
        keys, header, unverified = self._addressed(token)
        key = keys.key_for(header)
        if key is None:
            if keys.problem:
                self._refuse_ended(unverified)
                raise IssuerUnavailable(f"the keys of issuer {keys.issuer} cannot be read: {keys.problem}")
            raise TokenRefused("its issuer has no such key")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[str(header["alg"])],  # `_addressed` has compared it with the allowed ones
                audience=list(self._rules.audiences),
                issuer=keys.issuer,
                leeway=self._rules.skew_seconds,
                options={"require": list(_REQUIRED), "enforce_minimum_key_length": True},
            )
            end = datetime.fromtimestamp(int(claims["exp"]), UTC) + timedelta(
                seconds=self._rules.skew_seconds
            )
        except jwt.PyJWTError as error:
            raise _refusal(error) from None
        except (ValueError, OverflowError, OSError):
            raise TokenRefused("its claim exp is no time") from None
        if "cnf" in claims:
            raise TokenRefused("it is bound to a key of its holder (cnf), which is not checked here")
        try:
            return VerifiedToken(issuer=keys.issuer, holder=self._rules.claims.holder(claims), expires_at=end)
        except ClaimUnusable as error:
            raise TokenRefused(str(error)) from None

    def trusts(self, issuer: str) -> bool:
        """Return whether tokens of this issuer are accepted."""
        return issuer in self._keys

    async def refresh(self) -> None:
        """Read the keys again of issuers whose keys are old."""
        await asyncio.gather(*(keys.refresh() for keys in self._keys.values()))

    async def close(self) -> None:
        """End the reads that go on."""
        for keys in self._keys.values():
            await keys.close()

    def _refuse_ended(self, unverified: Mapping[str, Any]) -> None:
        """Raise `TokenRefused` for a token that says itself that it is over: its streams end without its issuer too."""
        end = unverified.get("exp")
        if isinstance(end, int | float) and end <= time.time() - self._rules.skew_seconds:
            raise TokenRefused("it has expired", has_expired=True)

    def _addressed(self, token: str) -> tuple[IssuerKeys, Mapping[str, Any], Mapping[str, Any]]:
        """Return the keys of the issuer that a token names, its header and its claims. Nothing is trusted yet.

        Raises `TokenRefused`.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenRefused(f"it is longer than {MAX_TOKEN_CHARACTERS:,} characters")
        try:
            unverified = jwt.decode_complete(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise TokenRefused("it is no JSON Web Token") from None
        header, issuer = unverified["header"], unverified["payload"].get("iss")
        if header.get("alg") not in self._rules.algorithms:
            raise TokenRefused("it is signed by an algorithm that is not allowed")
        if str(header.get("typ") or "").lower() not in _TYPES or header.get("crit"):
            raise TokenRefused("it is of a type that stands for no caller")
        keys = self._keys.get(issuer) if isinstance(issuer, str) else None
        if keys is None:
            raise TokenRefused("its issuer is not one of KINOLOG_OIDC_ISSUERS")
        return keys, header, unverified["payload"]


def _refusal(error: jwt.PyJWTError) -> TokenRefused:
    match error:
        case jwt.ExpiredSignatureError():
            return TokenRefused("it has expired", has_expired=True)
        case jwt.InvalidAudienceError():
            return TokenRefused("it is for another audience than KINOLOG_OIDC_AUDIENCE")
        case jwt.ImmatureSignatureError():
            return TokenRefused("it is not valid yet; do the clocks differ?")
        case jwt.MissingRequiredClaimError(claim=claim):
            return TokenRefused(f"it has no claim {claim}")
        case jwt.InvalidSignatureError():
            return TokenRefused("its signature is wrong")
        case _:
            return TokenRefused("its signature or a claim cannot be used")
