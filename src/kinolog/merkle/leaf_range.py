"""Ranges of leaves, and the ranges whose roots are the hashes of a proof (RFC 9162, sections 2.1.3.1 and 2.1.4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PerfectSubtree:
    """The node over the leaves `index * 2**level` to `(index + 1) * 2**level - 1`."""

    level: int
    index: int


@dataclass(frozen=True, slots=True)
class LeafRange:
    """The leaves from `start` up to `end`, which is not one of them.

    `start` is a multiple of the smallest power of two that is not less than the length, as in every subtree.
    """

    start: int
    end: int

    def halves(self) -> tuple[LeafRange, LeafRange]:
        """Return the two parts below the root. The left one has the largest power of two less than the length."""
        middle = self.start + (1 << ((self.end - self.start - 1).bit_length() - 1))
        return LeafRange(self.start, middle), LeafRange(middle, self.end)

    def perfect_subtrees(self) -> Iterator[PerfectSubtree]:
        """Yield the perfect trees of which the range consists, the largest first."""
        start = self.start
        while start < self.end:
            level = (self.end - start).bit_length() - 1
            yield PerfectSubtree(level, start >> level)
            start += 1 << level


def inclusion_ranges(index: int, size: int) -> list[LeafRange]:
    """Return the ranges whose roots prove the leaf `index` in the tree of the first `size` leaves.

    Raises `ValueError` for a leaf that is not in that tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    ranges, whole = [], LeafRange(0, size)
    while whole.end - whole.start > 1:
        left, right = whole.halves()
        whole, sibling = (left, right) if index < left.end else (right, left)
        ranges.append(sibling)
    return ranges[::-1]


def consistency_ranges(first: int, second: int) -> list[LeafRange]:
    """Return the ranges whose roots prove that the tree of `second` leaves begins with the tree of `first` leaves.

    Raises `ValueError` unless 0 <= first <= second.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} leaves does not begin with {first} leaves")
    if first in {0, second}:
        return []
    ranges, whole = [], LeafRange(0, second)
    while whole.end != first:
        left, right = whole.halves()
        whole, sibling = (left, right) if first <= left.end else (right, left)
        ranges.append(sibling)
    if whole.start:
        ranges.append(whole)
    return ranges[::-1]
