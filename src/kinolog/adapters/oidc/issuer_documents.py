"""The documents of an identity provider: its discovery document (OpenID Connect Discovery 1.0) and its public keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from kinolog.access.token_issuers import IssuerUnavailable
from kinolog.network_addresses import is_issuer_address, is_loopback

DISCOVERY_PATH = "/.well-known/openid-configuration"
SECONDS = 5.0
"""How long a document may take."""
MAX_DOCUMENT_BYTES = 1 << 20


class IssuerDocuments:
    """Reads the keys of issuers over HTTPS, or over HTTP from this machine. Redirects are not followed."""

    async def key_set(self, issuer: str) -> Mapping[str, Any]:
        """Return the public keys of an issuer, as a JSON Web Key Set. Raises `IssuerUnavailable`."""
        try:
            async with (
                asyncio.timeout(2 * SECONDS),
                # a proxy of the environment cannot reach an issuer of this machine
                httpx.AsyncClient(timeout=SECONDS, trust_env=not _is_local(issuer)) as client,
            ):
                found = await _document(client, issuer.rstrip("/") + DISCOVERY_PATH)
                if found.get("issuer") != issuer:
                    raise IssuerUnavailable("its discovery document is of another issuer")
                address = found.get("jwks_uri")
                if not isinstance(address, str) or not is_issuer_address(address):
                    raise IssuerUnavailable("its discovery document names no https:// address of keys")
                return await _document(client, address)
        except (TimeoutError, httpx.TimeoutException):
            raise IssuerUnavailable(f"it did not answer within {SECONDS:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise IssuerUnavailable(f"it cannot be reached: {error or type(error).__name__}") from error


def _is_local(address: str) -> bool:
    return is_loopback(urlsplit(address).hostname or "")


async def _document(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    """Return a JSON object. Raises `IssuerUnavailable`, and what httpx raises."""
    body = bytearray()
    async with client.stream("GET", address, headers={"Accept": "application/json"}) as response:
        if response.status_code != httpx.codes.OK:
            raise IssuerUnavailable(f"{address} answers {response.status_code}")
        async for part in response.aiter_bytes():
            body += part
            if len(body) > MAX_DOCUMENT_BYTES:
                raise IssuerUnavailable(f"{address} is longer than {MAX_DOCUMENT_BYTES} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise IssuerUnavailable(f"{address} is no JSON") from None
    if not isinstance(document, dict):
        raise IssuerUnavailable(f"{address} is no JSON object")
    return document
