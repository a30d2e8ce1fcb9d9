"""One proof that several leaves are in a tree: the roots over all leaves between them, from left to right.

It is shorter than a proof for each leaf, and the leaves can be checked one after the other, whatever their number. For
a single leaf it has the hashes of its inclusion proof (RFC 9162, section 2.1.3), in the order of the leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kinolog.merkle.hashes import node_hash
from kinolog.merkle.leaf_range import LeafRange
from kinolog.merkle.proofs import InvalidProof

LARGEST_TREE = 2**63 - 1
"""No position in a log is greater. A tree of a wrong size could have more levels than calls may be nested."""


def subset_ranges(leaves: Iterable[int], size: int) -> Iterator[LeafRange]:
    """Yield the ranges whose roots prove leaves, which are sorted, in the tree of the first `size` leaves.

    Raises `ValueError` for a leaf that is not in that tree, and for leaves that are not sorted.
    """
    remaining = _Leaves((leaf, b"") for leaf in leaves)
    yield from _gaps(LeafRange(0, size), remaining)
    if remaining.index is not None:
        raise ValueError(f"leaf {remaining.index} is not in a tree of {size} leaves, or not in order")


def subset_root(leaves: Iterable[tuple[int, bytes]], proof: Iterable[bytes], size: int) -> bytes:
    """Return the root of the tree of `size` leaves with these: sorted indexes, and hashes. Raises `InvalidProof`."""
    if size > LARGEST_TREE:
        raise InvalidProof(f"no tree has more than {LARGEST_TREE} leaves")
    remaining, hashes = _Leaves(leaves), iter(proof)
    root = _root(LeafRange(0, size), remaining, hashes)
    if remaining.index is not None:
        raise InvalidProof(f"leaf {remaining.index} is not in a tree of {size} leaves, or not in order")
    if next(hashes, None) is not None:
        raise InvalidProof("the proof has more hashes than the tree")
    return root


class _Leaves:
    """The leaves that are not passed yet. `index` is that of the next one; None at the end."""

    def __init__(self, leaves: Iterable[tuple[int, bytes]]) -> None:
        self._leaves = iter(leaves)
        self.index: int | None = None
        self._hash = b""
        self._advance()

    def take(self) -> bytes:
        """Return the hash of the next leaf, and pass it."""
        hashed = self._hash
        self._advance()
        return hashed

    def are_in(self, leaves: LeafRange) -> bool:
        """Return whether the next leaf is in a range."""
        return self.index is not None and leaves.start <= self.index < leaves.end

    def _advance(self) -> None:
        self.index, self._hash = next(self._leaves, (None, b""))


def _gaps(whole: LeafRange, leaves: _Leaves) -> Iterator[LeafRange]:
    if not leaves.are_in(whole):
        yield whole
    elif whole.end - whole.start == 1:
        leaves.take()
    else:
        for half in whole.halves():
            yield from _gaps(half, leaves)


def _root(whole: LeafRange, leaves: _Leaves, hashes: Iterator[bytes]) -> bytes:
    if not leaves.are_in(whole):
        hashed = next(hashes, None)
        if hashed is None:
            raise InvalidProof("the proof has fewer hashes than the tree")
        return hashed
    if whole.end - whole.start == 1:
        return leaves.take()
    left, right = whole.halves()
    left_root = _root(left, leaves, hashes)
    return node_hash(left_root, _root(right, leaves, hashes))
