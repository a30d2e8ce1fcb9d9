"""An identity provider: it signs tokens, publishes its keys, and serves them over HTTP if it is told to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms
from kinolog_api.identity_tokens.claims import ClaimRules
from kinolog_api.identity_tokens.token_verifier import TokenRules

from kinolog.access.token_issuers import IssuerUnavailable
from tests.fixtures.threads import background_thread

ISSUER, AUDIENCE = "https://login.example/studio", "kinolog"
RULES = TokenRules(
    audiences=(AUDIENCE,), algorithms=("RS256", "PS256", "ES256", "EdDSA"), claims=ClaimRules()
)


def private_key(kind: str, number: int = 0) -> Any:
    """Return a private key for an algorithm, the same one for each number."""
    return _key(kind, number)


@cache
def _key(kind: str, number: int) -> Any:
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return (
        ec.generate_private_key(ec.SECP256R1()) if kind == "ES256" else rsa.generate_private_key(65_537, 2048)
    )


def public_jwk(kind: str, key: Any, **members: Any) -> dict[str, Any]:
    """Return the public half of a key as a set of keys writes it."""
    writer: Any = get_default_algorithms()[kind]
    return {**writer.to_jwk(key.public_key(), as_dict=True), **members}


@dataclass(slots=True)
class TokenIssuer:
    """`published` is its set of keys. `problem` makes it fail, and `reads` counts how often it was asked."""

    issuer: str = ISSUER
    published: list[Any] = field(default_factory=list)
    problem: str = ""
    reads: int = 0

    def publish(self, kind: str = "ES256", kid: str = "first", number: int = 0) -> None:
        """Replace the set by one key."""
        self.published = [public_jwk(kind, private_key(kind, number), kid=kid)]

    async def key_set(self, issuer: str) -> Mapping[str, Any]:
        """Return the set."""
        assert issuer == self.issuer
        self.reads += 1
        if self.problem:
            raise IssuerUnavailable(self.problem)
        return {"keys": list(self.published)}

    def token(
        self, kind: str = "ES256", header: Mapping[str, Any] | None = None, number: int = 0, **claims: Any
    ) -> str:
        """Return a token for the tenant `studio`. A claim that is None is left out."""
        now = int(time.time())
        content = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "ada",
            "tenant": "studio",
            "scope": "openid submit read cancel audit",
            "iat": now,
            "exp": now + 600,
        } | claims
        written = {name: value for name, value in content.items() if value is not None}
        return jwt.encode(written, private_key(kind, number), kind, {"kid": "first"} | dict(header or {}))


@contextmanager
def served_issuer() -> Iterator[tuple[TokenIssuer, dict[str, Any]]]:
    """Serve an issuer on this machine. Yield it, and its answers by path: objects, raw bytes, or a status."""
    answers: dict[str, Any] = {}

    class IssuerHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.reads += 1
            answer = answers.get(self.path, 404)
            if self.path == "/jwks" and answer == "published":
                answer = {"keys": issuer.published}
            is_status = isinstance(answer, int)
            body = answer if isinstance(answer, bytes) else b"" if is_status else json.dumps(answer).encode()
            self.send_response(answer if is_status else 200)
            self.send_header("Location", "/jwks")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), IssuerHandler) as server:
        issuer = TokenIssuer(issuer=f"http://127.0.0.1:{server.server_port}")
        issuer.publish()
        answers["/.well-known/openid-configuration"] = {
            "issuer": issuer.issuer,
            "jwks_uri": f"{issuer.issuer}/jwks",
        }
        answers["/jwks"] = "published"
        with background_thread(lambda _: server.serve_forever(poll_interval=0.02), "issuer"):
            try:
                yield issuer, answers
            finally:
                server.shutdown()
