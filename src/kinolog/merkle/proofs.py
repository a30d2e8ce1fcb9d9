"""Checks of inclusion and consistency proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2). They need the proof alone."""

from __future__ import annotations

from collections.abc import Sequence

from kinolog.merkle.hashes import HASH_BYTES, node_hash


class InvalidProof(Exception):
    """The hashes do not prove what they should. The message says why."""


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash is at `index` in the tree with `size` leaves and this root. Raises `InvalidProof`."""
    if not 0 <= index < size:
        raise InvalidProof(f"leaf {index} is not in a tree of {size} leaves")
    _check_lengths((leaf, root, *proof))
    node, last, hashed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise InvalidProof("the proof has more hashes than the tree has levels")
        if node & 1 or node == last:
            hashed = node_hash(sibling, hashed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise InvalidProof("the proof ends below the root")
    if hashed != root:
        raise InvalidProof(f"leaf {index} is another one in the tree of {size} leaves with this root")


def check_consistency(
    first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree with `second` leaves begins with the tree with `first` leaves. Raises `InvalidProof`."""
    if not 0 <= first <= second:
        raise InvalidProof(f"a tree of {second} leaves does not begin with {first} leaves")
    _check_lengths((first_root, second_root, *proof))
    if first in {0, second}:
        if proof:
            raise InvalidProof("the proof must be empty")
        if first and first_root != second_root:
            raise InvalidProof(f"two trees of {first} leaves have different roots")
        return
    hashes = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not hashes:
        raise InvalidProof("the proof is empty")
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise InvalidProof("the proof has more hashes than the tree has levels")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise InvalidProof("the proof ends below the root")
    if old != first_root:
        raise InvalidProof(f"the first {first} leaves are not those of the earlier root")
    if new != second_root:
        raise InvalidProof(f"the later root is not that of these {second} leaves")


def _check_lengths(hashes: Sequence[bytes]) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise InvalidProof(f"a hash has {HASH_BYTES} bytes")
