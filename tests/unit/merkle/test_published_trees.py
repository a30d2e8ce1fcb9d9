"""The published trees and proofs of Certificate Transparency for RFC 6962.

Source: https://github.com/transparency-dev/merkle, `testonly/constants.go` and `proof/verify_test.go`.
"""

from __future__ import annotations

import pytest

from kinolog.merkle.hash_tiles import GrowingTree, HashTileId, range_root
from kinolog.merkle.hashes import EMPTY_ROOT, leaf_hash
from kinolog.merkle.leaf_range import LeafRange, consistency_ranges, inclusion_ranges
from kinolog.merkle.proofs import InvalidProof, check_consistency, check_inclusion

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
A, B, C, D = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
)
E, F, G, H = (
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
)
INCLUSION = {
    (0, 1): [],
    (0, 8): [A, B, C],
    (5, 8): [D, E, F],
    (2, 3): [ROOTS[2].hex()],
    (1, 5): [ROOTS[1].hex(), B, D],
}
"""By leaf and size: the published inclusion proofs."""
CONSISTENCY = {(1, 1): [], (1, 8): [A, B, C], (6, 8): [G, E, F], (2, 5): [B, D], (6, 7): [G, H, F]}
"""By both sizes: the published consistency proofs."""


@pytest.fixture(scope="module")
def tiles() -> dict[HashTileId, bytes]:
    """The tiles of the tree of all eight leaves."""
    return GrowingTree().append(map(leaf_hash, LEAVES))


@pytest.mark.parametrize("size", range(9))
def test_the_root_of_each_size(size: int, tiles: dict[HashTileId, bytes]) -> None:
    tree = GrowingTree()
    for leaf in LEAVES[:size]:
        tree.append([leaf_hash(leaf)])
    assert tree.root() == ROOTS[size]
    assert GrowingTree(size, tiles).root() == ROOTS[size]
    assert ROOTS[0] == EMPTY_ROOT


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion(index: int, size: int, tiles: dict[HashTileId, bytes]) -> None:
    proof = [range_root(leaves, tiles) for leaves in inclusion_ranges(index, size)]
    assert [each.hex() for each in proof] == INCLUSION[index, size]
    leaf, root = leaf_hash(LEAVES[index]), ROOTS[size]
    check_inclusion(leaf, index, size, proof, root)
    wrong = [
        (leaf, index - 1, size, proof, root),
        (leaf, index + 1, size, proof, root),
        (leaf, index ^ 2, size, proof, root),
        (leaf, index, size * 2, proof, root),
        (leaf, index, size // 2, proof, root),
        (b"WrongLeaf", index, size, proof, root),
        (leaf, index, size, proof, EMPTY_ROOT),
        *((leaf, index, size, changed, root) for changed in _damaged(proof, b"", root)),
    ]
    for arguments in wrong:
        with pytest.raises(InvalidProof):
            check_inclusion(*arguments)


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_consistency(first: int, second: int, tiles: dict[HashTileId, bytes]) -> None:
    proof = [range_root(leaves, tiles) for leaves in consistency_ranges(first, second)]
    assert [each.hex() for each in proof] == CONSISTENCY[first, second]
    old, new = ROOTS[first], ROOTS[second]
    check_consistency(first, old, second, new, proof)
    wrong = [
        *((first, old, second, new, changed) for changed in _damaged(proof, b"", old, new)),
        (first, EMPTY_ROOT, second, new, proof),
        (first, old, second, EMPTY_ROOT, proof),
        (second + 1, old, second, new, proof),
    ]
    if proof:
        wrong += [
            (first - 1, old, second, new, proof),
            (first + 1, old, second, new, proof),
            (first, old, second * 2, new, proof),
            (first, old, second // 2, new, proof),
            (first, new, second, old, proof),
            (first, old, second, new, []),
        ]
    for arguments in wrong:
        with pytest.raises(InvalidProof):
            check_consistency(*arguments)


def test_two_roots_of_one_size_are_no_proof() -> None:
    with pytest.raises(InvalidProof, match="two trees of 4 leaves have different roots"):
        check_consistency(4, ROOTS[4], 4, ROOTS[5], [])


def test_every_tree_begins_with_the_empty_one() -> None:
    assert consistency_ranges(0, 8) == []
    check_consistency(0, EMPTY_ROOT, 8, ROOTS[8], [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 8), (8, 8)])
def test_a_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not in a tree"):
        inclusion_ranges(index, size)


def test_a_smaller_tree_does_not_begin_with_a_larger_one() -> None:
    with pytest.raises(ValueError, match="does not begin with"):
        consistency_ranges(5, 4)


def test_a_perfect_range_is_one_subtree() -> None:
    assert [subtree.level for subtree in LeafRange(0, 8).perfect_subtrees()] == [3]


def _damaged(proof: list[bytes], *garbage: bytes) -> list[list[bytes]]:
    """Return the proof with more hashes, fewer, and one bit of each hash changed."""
    damaged = [[*proof, more] for more in garbage] + [[more, *proof] for more in garbage]
    if proof:
        damaged += [proof[:-1], proof[1:], [proof[0], *proof]]
    for at, hashed in enumerate(proof):
        damaged.append([*proof[:at], bytes([hashed[0] ^ 16]) + hashed[1:], *proof[at + 1 :]])
    return damaged
