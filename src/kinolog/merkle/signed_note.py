"""Texts with Ed25519 signatures in the format of C2SP signed-note (https://c2sp.org/signed-note).

A note is a text that ends with a line break, an empty line, and a line for each signature.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES = 32
_ED25519 = b"\x01"
_HINT_BYTES = 4
_SIGNATURE_BYTES = 64
_SIGNATURE = "\N{EM DASH} "


class InvalidNote(Exception):
    """A text is no signed note, or lacks a signature. The message says why."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """The public key of a signer: `KEY_BYTES`."""

    public: bytes

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> NoteKey:
        """Return the public key of a private one."""
        return cls(private.public_key().public_bytes_raw())

    @property
    def id(self) -> str:
        """Its SHA-256 in hexadecimal."""
        return sha256(self.public).hexdigest()

    def hint(self, name: str) -> bytes:
        """Return the four bytes that name the key beside the `name` of its owner, in each signature."""
        return sha256(name.encode() + b"\n" + _ED25519 + self.public).digest()[:_HINT_BYTES]

    def verifier(self, name: str) -> str:
        """Return the key as other programs take it: name, hint and key, joined by plus signs."""
        return f"{name}+{self.hint(name).hex()}+{_encoded(_ED25519 + self.public)}"


def signed_note(text: str, name: str, keys: Iterable[Ed25519PrivateKey]) -> str:
    """Return the text with a signature of each key, all under one name."""
    signatures = [
        f"{_SIGNATURE}{name} {_encoded(NoteKey.of(key).hint(name) + key.sign(text.encode()))}\n"
        for key in keys
    ]
    return f"{text}\n{''.join(signatures)}"


def verified_text(note: str, name: str, key: NoteKey) -> str:
    """Return the text of a note that this key signed. Signatures of other keys do not matter. Raises `InvalidNote`."""
    text, separator, signatures = note.rpartition("\n\n")
    if not separator:
        raise InvalidNote("there is no empty line before signatures")
    text += "\n"
    found = [_decoded(line) for line in signatures.splitlines() if line.startswith(f"{_SIGNATURE}{name} ")]
    for signature in found:
        if signature[:_HINT_BYTES] != key.hint(name) or len(signature) != _HINT_BYTES + _SIGNATURE_BYTES:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature[_HINT_BYTES:], text.encode())
        except InvalidSignature:
            raise InvalidNote(f"the signature of key {key.id} is not of this text") from None
        return text
    raise InvalidNote(f"key {key.id} did not sign it")


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(line: str) -> bytes:
    try:
        return base64.b64decode(line.rpartition(" ")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidNote(f"a signature is no base64: {error}") from error
