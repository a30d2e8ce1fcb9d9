"""Trees that are stored in tiles, compared with those of pymerkle, which knows no tiles."""

from __future__ import annotations

import random
from functools import cache

import pytest
from pymerkle import InmemoryTree

from kinolog.merkle.hash_tiles import (
    TILE_BYTES,
    GrowingTree,
    HashTileId,
    MissingHashes,
    edge_tiles,
    range_root,
    tiles_of,
)
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.leaf_range import LeafRange, consistency_ranges, inclusion_ranges
from kinolog.merkle.proofs import check_consistency, check_inclusion

MILLION = 1_000_000
SIZE = 3_000
SIZES = (1, 2, 255, 256, 257, 511, 513, 1_000, 2_048, SIZE)


@cache
def other_tree() -> InmemoryTree:
    """A tree of another implementation over the same leaves."""
    tree = InmemoryTree(algorithm="sha256")
    for number in range(SIZE):
        tree.append_entry(_data(number))
    return tree


@cache
def stored() -> dict[HashTileId, bytes]:
    """The tiles, written in batches of any length. Each batch goes on from the tiles alone."""
    tiles: dict[HashTileId, bytes] = {}
    draw, size = random.Random(1), 0
    while size < SIZE:
        tree = GrowingTree(size, tiles)
        count = min(draw.randrange(1, 400), SIZE - size)
        tiles |= tree.append(leaf_hash(_data(size + number)) for number in range(count))
        size = tree.size
    return tiles


def test_the_tiles_of_a_tree() -> None:
    assert {tile: len(hashes) // 32 for tile, hashes in stored().items()} == {
        **{HashTileId(0, index): 256 for index in range(SIZE // 256)},
        HashTileId(0, SIZE // 256): SIZE % 256,
        HashTileId(1, 0): SIZE // 256,
    }


@pytest.mark.parametrize("size", SIZES)
def test_roots_are_those_of_another_implementation(size: int) -> None:
    assert range_root(LeafRange(0, size), stored()) == other_tree().get_root(size)


@pytest.mark.parametrize("size", SIZES)
def test_proofs_hold_in_another_implementation_and_here(size: int) -> None:
    root = other_tree().get_root(size)
    for index in {0, size // 3, size - 1}:
        proof = [range_root(leaves, stored()) for leaves in inclusion_ranges(index, size)]
        assert [leaf_hash(_data(index)), *proof] == other_tree().prove_inclusion(index + 1, size).path
        check_inclusion(leaf_hash(_data(index)), index, size, proof, root)
        earlier = index + 1
        proof = [range_root(leaves, stored()) for leaves in consistency_ranges(earlier, size)]
        check_consistency(earlier, other_tree().get_root(earlier), size, root, proof)


def test_a_root_needs_the_tiles_that_are_not_full_alone() -> None:
    edge = {tile: stored()[tile] for tile in edge_tiles(SIZE)}
    assert GrowingTree(SIZE, edge).root() == other_tree().get_root(SIZE)


def test_a_tile_that_is_missing_is_named() -> None:
    with pytest.raises(MissingHashes, match=f"tile {SIZE // 256} of level 0"):
        GrowingTree(SIZE, {})
    with pytest.raises(MissingHashes, match="tile 0 of level 0 lacks the hashes from 6 to 6"):
        range_root(LeafRange(6, 7), {HashTileId(0, 0): bytes(TILE_BYTES)[: 6 * 32]})


def test_at_a_million_leaves_a_proof_has_20_hashes_from_six_tiles() -> None:
    draw = random.Random(2)
    indices = {0, 1, MILLION - 1, MILLION // 2, *(draw.randrange(MILLION) for _ in range(500))}
    proofs = [inclusion_ranges(index, MILLION) for index in indices]
    assert max(map(len, proofs)) == 20
    assert max(len(tiles_of(proof)) for proof in proofs) <= 6
    assert max(len(consistency_ranges(index, MILLION)) for index in indices) == 21


def _data(number: int) -> bytes:
    return number.to_bytes(4, "big")
