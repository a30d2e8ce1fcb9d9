"""The hashes of RFC 6962, section 2.1: SHA-256, with a prefix that tells a leaf from an inner node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""

_LEAF, _NODE = b"\x00", b"\x01"


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node with two children."""
    return sha256(_NODE + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a perfect tree over hashes of one level. Their number is a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def joined_root(roots: Iterable[bytes]) -> bytes:
    """Return the root over perfect trees that stand side by side, the largest first. Without any, `EMPTY_ROOT`."""
    smallest_first = list(roots)[::-1]
    if not smallest_first:
        return EMPTY_ROOT
    joined = smallest_first[0]
    for larger in smallest_first[1:]:
        joined = node_hash(larger, joined)
    return joined
