"""The public keys of one issuer. They are read again from time to time, and for a token whose key is not among them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jwt import PyJWK, PyJWTError
from jwt.algorithms import AllowedPublicKeys

from kinolog.access.token_issuers import IssuerUnavailable, TokenIssuers
from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks

logger = logging.getLogger(__name__)

FRESH_SECONDS = 300.0
"""Keys are read again after this long, so that one that the issuer has withdrawn ends."""
REFETCH_SECONDS = 10.0
"""Shortest time between two reads: strangers may name keys that do not exist."""
MAX_KEYS = 100
"""Keys of a set that are used."""

_KINDS = {
    "RS256": ("RSA", ""),
    "RS384": ("RSA", ""),
    "RS512": ("RSA", ""),
    "PS256": ("RSA", ""),
    "PS384": ("RSA", ""),
    "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Type and curve of the keys of each algorithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKey:
    """A public key of an issuer. `algorithm` is the only one that it is for; empty for all of its kind."""

    key: AllowedPublicKeys
    key_id: object
    kind: str
    curve: str
    algorithm: str

    def fits(self, algorithm: str) -> bool:
        """Return whether signatures of this algorithm may be checked with the key."""
        kind, curve = _KINDS.get(algorithm, ("", ""))
        return self.kind == kind and curve in ("", self.curve) and self.algorithm in ("", algorithm)


class IssuerKeys:
    """The last good set of keys of an issuer. It stays while the issuer does not answer."""

    def __init__(self, issuer: str, issuers: TokenIssuers, monotonic: Callable[[], float]) -> None:
        self.issuer = issuer
        self._issuers = issuers
        self._monotonic = monotonic
        self._keys: tuple[IssuerKey, ...] = ()
        self._read_at = self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self.problem = "its keys have not been read yet"
        """Why the last read failed; empty if it did not."""

    def key_for(self, header: Mapping[str, Any]) -> AllowedPublicKeys | None:
        """Return the key for a token with this header; None if the set has none of that id and algorithm.

        A token without the id of a key is for the only key of its algorithm.
        """
        key_id = header.get("kid")
        fitting = [key for key in self._keys if key.fits(str(header.get("alg")))]
        if key_id is not None:
            fitting = [key for key in fitting if key.key_id == key_id]
        return fitting[0].key if len(fitting) == 1 else None

    async def look_for(self, header: Mapping[str, Any]) -> None:
        """Read the keys again if there is none for this header, unless they were read a moment ago."""
        if self.key_for(header) is None and (self._reading is not None or self._may_read()):
            await self._read_once()

    async def refresh(self) -> None:
        """Read the keys again if they are old, or if the last read failed."""
        is_old = self._monotonic() - self._read_at >= FRESH_SECONDS
        if (is_old or self.problem) and self._may_read():
            await self._read_once()

    async def close(self) -> None:
        """End a read that goes on."""
        if self._reading is not None:
            await end_tasks((self._reading,))

    def _may_read(self) -> bool:
        return self._monotonic() - self._tried_at >= REFETCH_SECONDS

    async def _read_once(self) -> None:
        """Read the keys, or wait for the read that goes on. It goes on too when its first caller leaves."""
        if self._reading is None:
            self._tried_at = self._monotonic()
            self._reading = asyncio.create_task(self._read(), name=f"keys of {self.issuer}")
            self._reading.add_done_callback(self._end_read)
        await asyncio.shield(self._reading)

    def _end_read(self, reading: asyncio.Task[None]) -> None:
        """Let the next call read again, and look at the error, for which nobody may wait any more."""
        self._reading = None
        if not reading.cancelled():
            reading.exception()

    async def _read(self) -> None:
        try:
            found = _usable(await self._issuers.key_set(self.issuer))
        except IssuerUnavailable as error:
            if str(error) != self.problem:
                logger.warning(
                    "the keys of an issuer of tokens cannot be read; those read before stay valid: %s",
                    error,
                    extra=fields("issuer_unavailable", issuer=self.issuer, keys=len(self._keys)),
                )
            self.problem = str(error)
            return
        if self.problem or len(found) != len(self._keys):
            logger.info(
                "the keys of an issuer of tokens were read",
                extra=fields("issuer_keys_read", issuer=self.issuer, keys=len(found)),
            )
        self._keys, self._read_at, self.problem = found, self._monotonic(), ""


def _usable(key_set: Mapping[str, Any]) -> tuple[IssuerKey, ...]:
    """Return the public keys of a set that check signatures. Raises `IssuerUnavailable` if it has none."""
    listed = key_set.get("keys")
    written = listed[:MAX_KEYS] if isinstance(listed, list) else []
    found = tuple(key for each in written if (key := _public_key(each)) is not None)
    if not found:
        raise IssuerUnavailable("its set of keys has none that checks signatures")
    return found


def _public_key(written: object) -> IssuerKey | None:
    """Return a key as the set writes it; None for one that is secret, for encryption, or of an unknown kind."""
    if not isinstance(written, dict) or written.get("use", "sig") != "sig" or "d" in written:
        return None
    if written.get("kty") not in {kind for kind, _ in _KINDS.values()}:
        return None
    try:
        key = PyJWK(written).key
    except (PyJWTError, ValueError, TypeError):
        return None
    return IssuerKey(
        key=key,
        key_id=written.get("kid"),
        kind=written["kty"],
        curve=str(written.get("crv", "")),
        algorithm=str(written.get("alg", "")),
    )
