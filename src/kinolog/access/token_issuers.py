"""Port: the identity providers that issue tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class IssuerUnavailable(Exception):
    """An issuer does not answer, or its answer cannot be used. The text says what happened."""


class TokenIssuers(Protocol):
    """Identity providers, known by their issuer URL."""

    async def key_set(self, issuer: str) -> Mapping[str, Any]:
        """Return the public keys of an issuer, as a JSON Web Key Set. Raises `IssuerUnavailable`."""
        ...
