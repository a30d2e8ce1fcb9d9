"""Seal and unseal personal data under the key of its job. Pure, apart from the random nonces."""

from __future__ import annotations

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kinolog.counts import counted
from kinolog.job.values import Sealed
from kinolog.ports.keys import KeyErased

KEY_BYTES = 32
NONCE_BYTES = 12


class UnsealFailed(Exception):
    """The ciphertext was not sealed under this key for this job and purpose, or was changed since."""


def new_key() -> bytes:
    """Return a new key: 32 random bytes."""
    return os.urandom(KEY_BYTES)


class Sealer:
    """Seals and unseals the personal data of one job with AES-256-GCM.

    Job id and purpose (such as `prompt`, `scene/0`) are authenticated with the text, so a ciphertext unseals in one
    place only. Without a key (it is erased) every call raises `KeyErased`.
    """

    def __init__(self, job_id: str, key: bytes | None) -> None:
        if key is not None and len(key) != KEY_BYTES:
            raise ValueError(f"the key of job {job_id} has {counted(len(key), 'byte')}, not {KEY_BYTES}")
        self.job_id = job_id
        self._key = key
        self._aead = AESGCM(key) if key is not None else None

    def seal(self, text: str, purpose: str) -> Sealed:
        """Return the ciphertext of a text, under a new nonce. Raises `KeyErased`."""
        return self.seal_bytes(text.encode(), purpose)

    def seal_bytes(self, content: bytes, purpose: str) -> Sealed:
        """Return the ciphertext of bytes, under a new nonce. Raises `KeyErased`."""
        nonce = os.urandom(NONCE_BYTES)
        return Sealed(nonce=nonce, ciphertext=self._cipher().encrypt(nonce, content, self._context(purpose)))

    def unseal(self, sealed: Sealed, purpose: str) -> str:
        """Return the text of a ciphertext. Raises `UnsealFailed`, `KeyErased`."""
        try:
            return self.unseal_bytes(sealed, purpose).decode()
        except UnicodeDecodeError:
            raise UnsealFailed(f"the {purpose} of job {self.job_id} is no text") from None

    def unseal_bytes(self, sealed: Sealed, purpose: str) -> bytes:
        """Return the bytes of a ciphertext. Raises `UnsealFailed`, `KeyErased`."""
        try:
            return self._cipher().decrypt(sealed.nonce, sealed.ciphertext, self._context(purpose))
        except (InvalidTag, ValueError):
            raise UnsealFailed(f"the {purpose} of job {self.job_id} does not unseal under its key") from None

    def body_hash(self, body: bytes) -> bytes:
        """Return the HMAC-SHA256 of a request's body, 32 bytes: equal for equal bodies. Raises `KeyErased`."""
        if self._key is None:
            raise self._key_erased()
        return hmac.digest(self._key, body, "sha256")

    def _cipher(self) -> AESGCM:
        if self._aead is None:
            raise self._key_erased()
        return self._aead

    def _context(self, purpose: str) -> bytes:
        return f"{self.job_id}\0{purpose}".encode()

    def _key_erased(self) -> KeyErased:
        return KeyErased(f"the key of job {self.job_id} is erased")
