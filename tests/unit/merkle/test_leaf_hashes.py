"""The hashes of all leaves: they grow from tiles, and the first that differs from another tree is found."""

from __future__ import annotations

import pytest

from kinolog.merkle.hash_tiles import GrowingTree, HashTileId
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.leaf_hashes import LeafHashes

SIZES = (1, 2, 255, 256, 257, 700)
COMMITS = [leaf_hash(str(position).encode()) for position in range(1, 66_100)]
OTHER = leaf_hash(b"another")


class Tree:
    """The tiles of a tree over hashes, and how many were read."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.tree = GrowingTree()
        self.tiles = self.tree.append(leaves)
        self.read_tiles = 0

    def read(self, tile: HashTileId) -> bytes:
        """Return a tile."""
        self.read_tiles += 1
        return self.tiles.get(tile, b"")


def stored(size: int) -> LeafHashes:
    """Return the hashes of the first commits, as a witness has them."""
    return LeafHashes(b"".join(COMMITS[:size]))


@pytest.mark.parametrize("size", SIZES)
def test_hashes_grow_from_tiles(size: int) -> None:
    """From nothing, and from a part of a tile. The tree served may be larger."""
    served = Tree(COMMITS[: size + 50])
    for start in (0, size // 2, size - 1, size):
        leaves = stored(start)
        leaves.append(leaves.grown(size, served.read))
        assert (leaves.size, leaves.root()) == (size, stored(size).root())
        assert leaves.after(start) == b"".join(COMMITS[start:size])
        leaves.cut(start)
        assert leaves.root() == stored(start).root()
    short = stored(0)
    assert short.grown(size + 100, served.read) == b"".join(COMMITS[: size + 50])


@pytest.mark.parametrize("size", SIZES)
def test_the_first_difference_is_found(size: int) -> None:
    """A changed commit, one that is missing, and a tree that ends before."""
    leaves = stored(size)
    assert leaves.first_difference(Tree(COMMITS[: size + 9]).read) is None
    for position in {1, 1 + size // 3, size}:
        changed = [*COMMITS[: position - 1], OTHER, *COMMITS[position : size + 9]]
        served = Tree(changed)
        assert leaves.first_difference(served.read) == position
        assert served.read_tiles <= 4
        missing = [*COMMITS[: position - 1], *COMMITS[position : size + 9]]
        assert leaves.first_difference(Tree(missing).read) == position
        assert leaves.first_difference(Tree(COMMITS[: position - 1]).read) == position


def test_a_difference_far_behind() -> None:
    """More than one tile of the level above: two of them are read, and one of leaves."""
    position = 65_800
    served = Tree([*COMMITS[: position - 1], OTHER, *COMMITS[position:66_000]])
    assert stored(66_000).first_difference(served.read) == position
    assert served.read_tiles == 3
