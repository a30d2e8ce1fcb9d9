"""One proof for several leaves, against the roots and inclusion proofs of the whole tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinolog.merkle.hash_tiles import GrowingTree, range_root
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.leaf_range import LeafRange, inclusion_ranges
from kinolog.merkle.proofs import InvalidProof
from kinolog.merkle.subset_proof import subset_ranges, subset_root

MOST = 300
LEAVES = [leaf_hash(str(number).encode()) for number in range(MOST)]
TREE = GrowingTree()
TILES = TREE.append(LEAVES)


def proof_of(leaves: list[int], size: int) -> list[bytes]:
    """Return the hashes that prove leaves."""
    return [range_root(each, TILES) for each in subset_ranges(leaves, size)]


@st.composite
def subsets(draw: st.DrawFn) -> tuple[list[int], int]:
    """Draw the size of a tree, and some of its leaves."""
    size = draw(st.integers(1, MOST))
    return sorted(draw(st.sets(st.integers(0, size - 1), min_size=1))), size


@given(subsets())
def test_leaves_are_proved(drawn: tuple[list[int], int]) -> None:
    """The root follows from the leaves and the proof; another leaf, or one less, gives another root or none."""
    leaves, size = drawn
    root, proof = range_root(LeafRange(0, size), TILES), proof_of(leaves, size)
    assert subset_root([(leaf, LEAVES[leaf]) for leaf in leaves], proof, size) == root
    other = [(leaf, LEAVES[leaf - 1] if leaf == leaves[-1] else LEAVES[leaf]) for leaf in leaves]
    assert subset_root(other, proof, size) != root
    with pytest.raises(InvalidProof, match="more hashes"):
        subset_root([(leaf, LEAVES[leaf]) for leaf in leaves], [*proof, root], size)
    if proof:
        with pytest.raises(InvalidProof, match="fewer hashes"):
            subset_root([(leaf, LEAVES[leaf]) for leaf in leaves], proof[:-1], size)


@given(st.integers(1, MOST).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_a_single_leaf_has_the_hashes_of_its_inclusion_proof(drawn: tuple[int, int]) -> None:
    """In another order: from left to right."""
    leaf, size = drawn
    assert set(subset_ranges([leaf], size)) == set(inclusion_ranges(leaf, size))


def test_a_range_has_few_hashes() -> None:
    """Twice the height of the tree, whatever the length of the range."""
    ranges = list(subset_ranges(range(123_456, 654_321), 1_000_000))
    assert len(ranges) <= 40


@pytest.mark.parametrize("leaves", [[5], [-1], [2, 1], [1, 1]])
def test_leaves_that_are_not_in_the_tree(leaves: list[int]) -> None:
    """Those beyond it, and those that are not in order, are refused."""
    with pytest.raises(ValueError, match="not in a tree of 5 leaves"):
        list(subset_ranges(leaves, 5))
    hashes = [LEAVES[0]] * 10
    with pytest.raises(InvalidProof):
        subset_root([(leaf, LEAVES[0]) for leaf in leaves], hashes, 5)
