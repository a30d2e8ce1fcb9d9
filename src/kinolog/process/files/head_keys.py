"""The file of the keys that sign heads: private Ed25519 keys in PEM, the present one first.

The first head of a new key is signed by all keys of the file. So whoever trusts an earlier key learns of the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

_END = "-----END PRIVATE KEY-----\n"


class HeadKeysUnusable(Exception):
    """The file cannot be read, or holds no keys. The message names it."""


def read_head_keys(path: Path) -> Sequence[Ed25519PrivateKey]:
    """Return the keys, at least one. Blocks. Raises `HeadKeysUnusable`."""
    try:
        text = path.read_text(encoding="ascii")
        keys = [
            load_pem_private_key(f"{part}{_END}".encode(), password=None) for part in text.split(_END)[:-1]
        ]
    except OSError as error:
        raise HeadKeysUnusable(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise HeadKeysUnusable(f"{path} holds no whole private key: {error}") from error
    found = [key for key in keys if isinstance(key, Ed25519PrivateKey)]
    if not found or len(found) != len(keys):
        raise HeadKeysUnusable(f"{path} must hold Ed25519 keys in PEM, and nothing else")
    return found


def new_head_key() -> str:
    """Return a new key in PEM."""
    return _pem(Ed25519PrivateKey.generate())


def rotated_head_keys(keys: Sequence[Ed25519PrivateKey]) -> str:
    """Return a file of a new key, and of those before it: they sign its first head too.

    All are kept, since the last head may have been signed by any of them.
    """
    return "".join((new_head_key(), *map(_pem, keys)))


def _pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
