"""Wrap the keys of jobs under master keys, so that whoever reads the key store alone can unseal nothing.

A wrapped key is a version byte, the id of the master key, a nonce and the ciphertext. See docs/decisions/0034.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kinolog.ports.event_store import LogUnavailable
from kinolog.privacy.sealer import KEY_BYTES, NONCE_BYTES

VERSION = b"\x01"
ID_BYTES = 8
HEAD_BYTES = len(VERSION) + ID_BYTES
"""Version and id of the master key: equal for all keys that one master key wraps."""


class MasterKeyUnusable(Exception):
    """The master keys of this process are missing, malformed or others than those that wrap the stored keys.

    The message says what to do.
    """


class KeyNotUnwrapped(LogUnavailable):
    """A stored key does not unwrap: another master key wraps it, or its bytes were changed. The operator must act."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key of 32 bytes that wraps the keys of jobs. Its id is a hash of it."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, not {len(self.secret)}")

    @property
    def id(self) -> bytes:
        """The id, 8 bytes. It does not reveal the key."""
        return sha256(b"kinolog master key\0" + self.secret).digest()[:ID_BYTES]


class MasterKeys:
    """One or more master keys. The first wraps; all unwrap."""

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        if not keys:
            raise ValueError("at least one master key is needed")
        self.ids = tuple(key.id.hex() for key in keys)
        self.head = VERSION + keys[0].id
        """What every key begins with that the first master key wraps."""
        self._first = AESGCM(keys[0].secret)
        self._ciphers = {VERSION + key.id: AESGCM(key.secret) for key in keys}

    def wrap(self, key_id: str, key: bytes) -> bytes:
        """Return a key of 32 bytes wrapped under the first master key. It unwraps under the same `key_id` only."""
        nonce = os.urandom(NONCE_BYTES)
        return self.head + nonce + self._first.encrypt(nonce, key, _context(key_id))

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """Return the key. 32 bytes are a key of an earlier version, which wrapped none. Raises `KeyNotUnwrapped`."""
        if len(wrapped) == KEY_BYTES:
            return wrapped
        head, nonce = wrapped[:HEAD_BYTES], wrapped[HEAD_BYTES : HEAD_BYTES + NONCE_BYTES]
        cipher = self._ciphers.get(head)
        if cipher is None:
            raise KeyNotUnwrapped(
                f"key {key_id} is wrapped under master key {head[len(VERSION) :].hex()}; "
                f"this process has {', '.join(self.ids)}"
            )
        try:
            return cipher.decrypt(nonce, wrapped[HEAD_BYTES + NONCE_BYTES :], _context(key_id))
        except (InvalidTag, ValueError):
            raise KeyNotUnwrapped(
                f"key {key_id} does not unwrap under its master key: it is damaged"
            ) from None

    def may_unwrap(self, wrapped: bytes) -> bool:
        """Return whether one of the master keys wraps it, or none does. Damaged bytes do not unwrap all the same."""
        return len(wrapped) == KEY_BYTES or wrapped[:HEAD_BYTES] in self._ciphers

    def is_current(self, wrapped: bytes) -> bool:
        """Return whether the first master key wraps it."""
        return wrapped.startswith(self.head) and len(wrapped) != KEY_BYTES


def _context(key_id: str) -> bytes:
    return f"kinolog key\0{key_id}".encode()
