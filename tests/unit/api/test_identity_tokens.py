"""Tokens of identity providers: which are accepted, for whom they stand, and how their keys are known."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from kinolog_api.identity_tokens import issuer_keys
from kinolog_api.identity_tokens.claims import ClaimRules, TokenHolder
from kinolog_api.identity_tokens.token_verifier import TokenRefused, TokenVerifier, VerifiedToken

from kinolog.access.api_key import USER_SCOPES, Scope
from kinolog.access.key_text import is_token
from kinolog.access.token_issuers import IssuerUnavailable
from kinolog.adapters.oidc import issuer_documents
from kinolog.adapters.oidc.issuer_documents import DISCOVERY_PATH, IssuerDocuments
from tests.builders.token_issuer import (
    AUDIENCE,
    ISSUER,
    RULES,
    TokenIssuer,
    private_key,
    public_jwk,
    served_issuer,
)

NOW = int(time.time())
LATE = NOW + 10**6


@pytest.fixture
def issuer() -> TokenIssuer:
    """An issuer with one key."""
    found = TokenIssuer()
    found.publish()
    return found


def verifier(issuer: TokenIssuer, **rules: Any) -> TokenVerifier:
    """Return a verifier whose clock of pauses stands still."""
    return TokenVerifier([ISSUER], issuer, replace(RULES, **rules), lambda: 0.0)


async def judged(tokens: TokenVerifier, token: str) -> VerifiedToken:
    """Return what a token says. Raises as `TokenVerifier`."""
    assert is_token(token)
    await tokens.prepare(token)
    return tokens.verify(token)


@pytest.mark.parametrize("algorithm", RULES.algorithms)
async def test_a_token_stands_for_its_holder(issuer: TokenIssuer, algorithm: str) -> None:
    """Tenant, actor, scopes and end are those of the claims; values that are no scopes count for nothing."""
    kind = "RS256" if algorithm == "PS256" else algorithm
    issuer.published = [public_jwk(kind, private_key(kind), kid="first")]
    token = jwt.encode(
        {
            "iss": ISSUER,
            "aud": ["other", AUDIENCE],
            "sub": "ada",
            "tenant": "studio",
            "scope": "read x",
            "exp": LATE,
        },
        private_key(kind),
        algorithm,
        {"kid": "first", "typ": "at+jwt"},
    )
    assert await judged(verifier(issuer), token) == VerifiedToken(
        issuer=ISSUER,
        holder=TokenHolder(tenant="studio", actor="ada", scopes=frozenset({Scope.READ})),
        expires_at=datetime.fromtimestamp(LATE + 60, UTC),
    )


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("audience", {"aud": "other"}),
    ("no claim aud", {"aud": None}),
    ("not one of KINOLOG_OIDC_ISSUERS", {"iss": "https://login.example/studi"}),
    ("not one of KINOLOG_OIDC_ISSUERS", {"iss": None}),
    ("expired", {"exp": NOW - 10**5}),
    ("no claim exp", {"exp": None}),
    ("cannot be used", {"exp": "soon"}),
    ("no time", {"exp": 10**15}),
    ("not valid yet", {"nbf": NOW + 10**5}),
    ("not valid yet", {"iat": NOW + 10**5}),
    ("cannot be used", {"sub": 7}),
    ("bound to a key", {"cnf": {"jkt": "x"}}),
    ("no claim tenant", {"tenant": None}),
    ("no claim tenant", {"tenant": ["studio", "other"]}),
    ("names no tenant", {"tenant": "*"}),
    ("names no tenant", {"tenant": ""}),
    ("names no tenant", {"tenant": "../up"}),
    ("names no tenant", {"tenant": "studio\n"}),
    ("no claim sub", {"sub": None}),
    ("names no actor", {"sub": "auth0|7"}),
    ("longer than", {"groups": "g" * 8_000}),
]


@pytest.mark.parametrize(("why", "claims"), REFUSED)
async def test_a_token_with_a_wrong_claim(issuer: TokenIssuer, why: str, claims: Mapping[str, Any]) -> None:
    """It is refused, and the reason quotes nothing of it."""
    with pytest.raises(TokenRefused, match=why) as refusal:
        await judged(verifier(issuer), issuer.token(**claims))
    assert "login.example" not in str(refusal.value)


async def test_clocks_may_differ_a_little(issuer: TokenIssuer) -> None:
    """A token counts within the allowed difference of the clocks. Those above are outside of it."""
    shifted: list[dict[str, Any]] = [{"exp": NOW - 10**4}, {"nbf": NOW + 10**5}, {"iat": NOW + 10**5}]
    for claims in shifted:
        await judged(verifier(issuer, skew_seconds=1e6), issuer.token(**claims))


def base64url(data: bytes) -> str:
    """Return bytes as a part of a token has them."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def forged(header: Any, claims: Any = None, key: Any = None) -> str:
    """Return a token with any header: signed with a private key, with a shared secret, or not at all."""
    content = {"iss": ISSUER, "aud": AUDIENCE, "sub": "eve", "tenant": "studio"} if claims is None else claims
    signing = ".".join(
        base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, content)
    )
    signature = b""
    if isinstance(key, bytes):
        signature = hmac.digest(key, signing.encode(), "sha256")
    elif key is not None:
        algorithm: Any = jwt.get_algorithm_by_name("ES256" if "curve" in dir(key) else "RS256")
        signature = algorithm.sign(signing.encode(), key)
    return f"{signing}.{base64url(signature)}"


async def test_forged_tokens(issuer: TokenIssuer) -> None:
    """Other algorithms, keys in the header, ids of other keys and broken texts are refused, and none is looked up."""
    issuer.published.append(public_jwk("RS256", private_key("RS256"), kid="second"))
    good, mine = private_key("ES256"), private_key("ES256", 7)
    public = good.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    evil = public_jwk("ES256", mine, kid="first")
    tokens = verifier(issuer)
    await tokens.refresh()
    es256 = {"alg": "ES256", "typ": "JWT"}
    texts = [
        forged({"alg": "none", "kid": "first"}),
        forged({"alg": "None", "kid": "first"}),
        forged({"alg": ["ES256"], "kid": "first"}),
        forged({"kid": "first"}),
        forged({"alg": "HS256", "kid": "first"}, key=public),
        forged(es256 | {"kid": "first"}, key=mine),
        forged(
            es256 | {"kid": "first", "jwk": evil, "jku": "http://evil", "x5u": "http://evil"},
            key=mine,
        ),
        forged({"alg": "RS256", "kid": "first"}, key=private_key("RS256")),
        forged(es256 | {"kid": "second"}, key=mine),
        *(
            forged(es256 | {"kid": kid}, key=mine)
            for kid in ("../../etc/passwd", "' OR 1=1 --", "", 0, None, ["first"], {"a": "b"}, "k" * 4_000)
        ),
        forged(es256 | {"kid": "first", "typ": "logout+jwt"}, key=good),
        forged(es256 | {"kid": "first", "typ": 7}, key=good),
        forged(es256 | {"kid": "first", "crit": ["exp"]}, key=good),
        forged(es256 | {"kid": "first", "b64": False}, key=good),
        forged(es256 | {"kid": "first"}, claims=[], key=good),
        forged(es256 | {"kid": "first"}, claims={"iss": [ISSUER]}, key=good),
        "eyJ.e.e",
        "eyJ" + "A" * 200 + ".e30.",
        "eyJ" + base64url(b'x":' + b"[" * 4_000) + ".e30.",
        "eyJhbGciOiJFUzI1NiJ9." + base64url(b"[" * 4_000) + ".e30",
    ]
    for text in texts:
        with pytest.raises(TokenRefused):
            await judged(tokens, text)
    assert issuer.reads == 1


async def test_keys_that_are_not_for_signatures(issuer: TokenIssuer) -> None:
    """Of a set only public keys for signatures count, each for the algorithm that it names."""
    good = issuer.published[0]
    others = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a"},
        {"kty": "EC"},
        7,
        good | {"use": "enc", "kid": "b"},
    ]
    others += [
        good | {"alg": "ES384", "kid": "c"},
        good | {"d": "AA", "kid": "d"},
        good | {"x": "AA", "kid": "e"},
    ]
    issuer.published = [*others, good | {"use": "sig", "alg": "ES256"}]
    tokens = verifier(issuer)
    await judged(tokens, issuer.token())
    for kid in "abcde":
        with pytest.raises(TokenRefused, match="no such key"):
            await judged(tokens, issuer.token(header={"kid": kid}))
    without_id = jwt.encode(
        {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "tenant": "t", "exp": LATE},
        private_key("ES256"),
        "ES256",
    )
    assert (await judged(tokens, without_id)).holder.tenant == "t"


@pytest.mark.parametrize(
    ("rules", "claims", "scopes"),
    [
        ({}, {"scope": "admin * submit"}, {Scope.SUBMIT}),
        ({}, {"scope": None}, set()),
        ({}, {"scope": {"read": True}}, set()),
        ({"scope_claim": "scp"}, {"scp": ["read", 7, "cancel"]}, {Scope.READ, Scope.CANCEL}),
        ({"scope_claim": ""}, {}, USER_SCOPES),
        (
            {"scope_claim": "realm.roles", "scopes": {"boss": frozenset(Scope), "read": frozenset()}},
            {"realm": {"roles": ["boss", "read"]}},
            set(Scope),
        ),
        ({"scope_claim": "realm.roles"}, {"realm": "roles"}, set()),
        ({"scope_claim": "https://a.example/roles"}, {"https://a.example/roles": "read"}, {Scope.READ}),
    ],
)
async def test_scopes(issuer: TokenIssuer, rules: Any, claims: Mapping[str, Any], scopes: set[Scope]) -> None:
    """Values of the claim are scopes, or what settings map to them; `admin` comes from a mapping only."""
    found = await judged(verifier(issuer, claims=ClaimRules(**rules)), issuer.token(**claims))
    assert found.holder.scopes == scopes


async def test_one_tenant_for_all_tokens(issuer: TokenIssuer) -> None:
    """A tenant of the settings is that of every token, whatever its claims say, and another claim names the actor."""
    tokens = verifier(issuer, claims=ClaimRules(tenant="home", actor_claim="preferred_username"))
    holder = (await judged(tokens, issuer.token(tenant="other", preferred_username="Ada L"))).holder
    assert (holder.tenant, holder.actor) == ("home", "Ada L")


async def test_keys_rotate(issuer: TokenIssuer) -> None:
    """A new key is read when a token names it, once in a while; one that the issuer withdraws ends."""
    now = 0.0
    tokens = TokenVerifier([ISSUER], issuer, RULES, lambda: now)
    old, new = issuer.token(), issuer.token(number=1, header={"kid": "second"})
    await asyncio.gather(*(judged(tokens, old) for _ in range(20)))
    with pytest.raises(TokenRefused, match="no such key"):
        await judged(tokens, new)
    assert issuer.reads == 1
    issuer.published.append(public_jwk("ES256", private_key("ES256", 1), kid="second"))
    now = issuer_keys.REFETCH_SECONDS
    await asyncio.gather(*(judged(tokens, new) for _ in range(20)))
    await judged(tokens, old)
    assert issuer.reads == 2
    issuer.published.pop(0)
    now += issuer_keys.FRESH_SECONDS
    await tokens.refresh()
    await judged(tokens, new)
    with pytest.raises(TokenRefused, match="no such key"):
        await judged(tokens, old)
    assert issuer.reads == 3


async def test_an_issuer_that_is_away(issuer: TokenIssuer) -> None:
    """Known keys stay valid; a key that cannot be looked up is no fault of the token."""
    now, issuer.problem = 0.0, "gone"
    tokens = TokenVerifier([ISSUER], issuer, RULES, lambda: now)
    with pytest.raises(IssuerUnavailable, match="gone"):
        await judged(tokens, issuer.token())
    with pytest.raises(TokenRefused, match="has expired"):  # its streams end all the same
        await judged(tokens, issuer.token(exp=NOW - 1_000))
    issuer.problem, now = "", issuer_keys.REFETCH_SECONDS
    await tokens.refresh()
    issuer.problem, now = "gone again", now + issuer_keys.FRESH_SECONDS
    await tokens.refresh()
    await judged(tokens, issuer.token())
    with pytest.raises(IssuerUnavailable, match="gone again"):
        await judged(tokens, issuer.token(header={"kid": "second"}))
    issuer.problem, issuer.published, now = "", [], now + issuer_keys.REFETCH_SECONDS
    await tokens.refresh()
    await judged(tokens, issuer.token())


async def test_documents_of_an_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys are found by the discovery document. Whatever is wrong with an answer makes the issuer unavailable."""
    monkeypatch.setattr(issuer_documents, "MAX_DOCUMENT_BYTES", 10_000)
    with served_issuer() as (issuer, answers):
        documents, good = IssuerDocuments(), dict(answers)
        assert await documents.key_set(issuer.issuer) == {"keys": issuer.published}
        wrong: list[tuple[str, Any, str]] = [
            (DISCOVERY_PATH, {"issuer": ISSUER}, "another issuer"),
            (DISCOVERY_PATH, {"issuer": issuer.issuer}, "no https://"),
            (DISCOVERY_PATH, good[DISCOVERY_PATH] | {"jwks_uri": "http://192.0.2.1/jwks"}, "no https://"),
            (DISCOVERY_PATH, good[DISCOVERY_PATH] | {"jwks_uri": "file:///etc/passwd"}, "no https://"),
            (DISCOVERY_PATH, 302, "answers 302"),
            ("/jwks", 503, "answers 503"),
            ("/jwks", b"<html>", "no JSON"),
            ("/jwks", b"[" * 9_000, "no JSON"),
            ("/jwks", b"[]", "no JSON object"),
            ("/jwks", b"x" * 20_000, "longer than"),
        ]
        for path, answer, why in wrong:
            answers |= good | {path: answer}
            with pytest.raises(IssuerUnavailable, match=why):
                await documents.key_set(issuer.issuer)
    with pytest.raises(IssuerUnavailable, match="cannot be reached"):
        await documents.key_set("http://127.0.0.1:1")
