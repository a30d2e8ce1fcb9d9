"""Settings of identity providers, whose tokens stand for callers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import NoDecode

from kinolog.access.api_key import Scope
from kinolog.network_addresses import IssuerUrl
from kinolog.process.api_keys import TENANT, TENANT_FORM
from kinolog.process.setting_groups.common import COMMA_SEPARATED, ProcessSettings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Algorithms of signatures that may be allowed: whoever can check one cannot make it."""


def _algorithm(value: str) -> str:
    if value not in ALGORITHMS:
        raise ValueError(f"must be of {', '.join(ALGORITHMS)}, separated by commas")
    return value


def _tenant(value: str) -> str:
    if value and not TENANT.fullmatch(value):
        raise ValueError(TENANT_FORM)
    return value


def _granted_scope(value: str) -> str:
    name, equals, scope = value.rpartition("=")
    if not name or not equals or scope not in list(Scope):
        raise ValueError(
            f"must be pairs such as video-editors=submit, separated by commas, with scopes of {', '.join(Scope)}"
        )
    return value


class IssuerSettings(ProcessSettings):
    """Whose tokens are accepted."""

    oidc_issuers: Annotated[list[IssuerUrl], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=list,
        description="Issuer URLs of OpenID Connect providers whose tokens are accepted, separated by commas, as their "
        "claim `iss` has them. Every call needs a key or a token then.",
    )


class TokenSettings(IssuerSettings):
    """What tokens must have, and for whom they stand."""

    oidc_audience: Annotated[list[str], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=list,
        description="Audiences of which a token must name one (claim `aud`), separated by commas; no token without.",
    )
    oidc_algorithms: Annotated[
        list[Annotated[str, AfterValidator(_algorithm)]], NoDecode, COMMA_SEPARATED
    ] = Field(
        ["RS256", "PS256", "ES256", "EdDSA"],
        min_length=1,
        description="Allowed algorithms of signatures, separated by commas.",
    )
    oidc_tenant_claim: str = Field(
        "tenant",
        min_length=1,
        description="Claim that names the tenant. A name with dots is a path into nested claims.",
    )
    oidc_tenant: Annotated[str, AfterValidator(_tenant)] = Field(
        "", description="Tenant of all tokens, in place of a claim."
    )
    oidc_actor_claim: str = Field(
        "sub", min_length=1, description="Claim that names the actor, such as `preferred_username`."
    )
    oidc_scope_claim: str = Field(
        "scope",
        description="Claim of scopes, a text or a list; empty if tokens have none: they have all scopes but `admin` "
        "then.",
    )
    oidc_scopes: Annotated[
        list[Annotated[str, AfterValidator(_granted_scope)]], NoDecode, COMMA_SEPARATED
    ] = Field(
        default_factory=list,
        description="What values of that claim allow, such as `video-editors=submit,video-editors=read`, separated by "
        "commas. Without it, values are the names of scopes, all but `admin`.",
    )
    oidc_skew_seconds: float = Field(
        60.0, ge=0.0, le=300.0, description="How much the clocks of issuer and api may differ, in seconds."
    )

    @model_validator(mode="after")
    def _has_what_aud_must_name(self) -> TokenSettings:
        if self.oidc_issuers and not self.oidc_audience:
            raise ValueError(
                "KINOLOG_OIDC_ISSUERS needs KINOLOG_OIDC_AUDIENCE: tokens that the issuer makes for other services "
                "would be accepted"
            )
        return self

    def granted_scopes(self) -> dict[str, frozenset[Scope]]:
        """Return which scopes each value of the claim of scopes allows, as `oidc_scopes` says."""
        granted: dict[str, frozenset[Scope]] = {}
        for pair in self.oidc_scopes:
            name, _, scope = pair.rpartition("=")
            granted[name] = granted.get(name, frozenset()) | {Scope(scope)}
        return granted
