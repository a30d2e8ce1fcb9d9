"""Heads of trees over made-up commits, as a projector publishes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinolog.merkle.hash_tiles import GrowingTree, range_root
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.leaf_range import LeafRange, consistency_ranges
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import NoteKey, signed_note
from kinolog.merkle.tree_head import TreeHead, origin_of
from kinolog.merkle.witness import PublishedHead

KEY, OTHER_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2))
COMMITS = [f"commit {position}".encode() for position in range(1, 21)]
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def rewritten(position: int) -> list[bytes]:
    """Return the commits with another one at a position."""
    return [*COMMITS[: position - 1], b"another", *COMMITS[position:]]


def published(
    sizes: Sequence[int],
    commits: Sequence[bytes] = COMMITS,
    *,
    keys: Sequence[Ed25519PrivateKey] = (KEY,),
    first: int = 1,
) -> list[PublishedHead]:
    """Return heads of these sizes, numbered from `first`, signed by all keys."""
    tree = GrowingTree()
    tiles = tree.append(map(leaf_hash, commits))
    heads, before = [], 0
    for number, size in enumerate(sizes, start=first):
        head = TreeHead(
            origin=origin_of(leaf_hash(commits[0])),
            size=size,
            root=range_root(LeafRange(0, size), tiles),
            at=NOW + timedelta(minutes=number),
        )
        note = signed_note(head.text, head.origin, keys)
        proof = tuple(range_root(part, tiles) for part in consistency_ranges(before, size))
        signed = SignedHead(number=number, key=NoteKey.of(keys[0]), note=note)
        heads.append(PublishedHead(signed=signed, proof=proof))
        before = size
    return heads
