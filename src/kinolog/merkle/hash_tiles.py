"""How the hashes of a tree are stored: in tiles of 256, as in C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

Tile `index` of level 0 has the hashes of the leaves from `256 * index` on. A tile of level n has the roots of full
tiles of level n - 1, in the same way. Only the last tile of a level grows. So appending writes one tile for 256 leaves
and one more for 65,536, and a proof reads a few tiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kinolog.merkle.hashes import HASH_BYTES, joined_root, perfect_root
from kinolog.merkle.leaf_range import LeafRange, PerfectSubtree

LEVELS_PER_TILE = 8
TILE_HASHES = 1 << LEVELS_PER_TILE
TILE_BYTES = TILE_HASHES * HASH_BYTES


@dataclass(frozen=True, slots=True, order=True)
class HashTileId:
    """Which tile: the level counts tiles from the leaves up, the index from the left."""

    level: int
    index: int


class MissingHashes(LookupError):
    """A tile has fewer hashes than the tree needs. The message names it."""


def edge_tiles(size: int) -> list[HashTileId]:
    """Return the tiles of a tree of `size` leaves that are not full. Its root and its next leaves need them alone."""
    edge, level = [], 0
    while hashes := size >> (LEVELS_PER_TILE * level):
        if hashes % TILE_HASHES:
            edge.append(HashTileId(level, hashes // TILE_HASHES))
        level += 1
    return edge


def tiles_of(ranges: Iterable[LeafRange]) -> set[HashTileId]:
    """Return the tiles that the roots of these ranges need."""
    return {_tile_of(subtree)[0] for leaves in ranges for subtree in leaves.perfect_subtrees()}


def range_root(leaves: LeafRange, tiles: Mapping[HashTileId, bytes]) -> bytes:
    """Return the root over a range of leaves. Raises `MissingHashes` unless `tiles` has those of `tiles_of`."""
    return joined_root(_subtree_root(subtree, tiles) for subtree in leaves.perfect_subtrees())


def split_hashes(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def _tile_of(subtree: PerfectSubtree) -> tuple[HashTileId, int, int]:
    """Return the tile that a node is computed from, the first of its hashes and their number."""
    level, above = divmod(subtree.level, LEVELS_PER_TILE)
    first = subtree.index << above
    return HashTileId(level, first // TILE_HASHES), first % TILE_HASHES, 1 << above


def _subtree_root(subtree: PerfectSubtree, tiles: Mapping[HashTileId, bytes]) -> bytes:
    tile, first, count = _tile_of(subtree)
    hashes = tiles.get(tile, b"")[first * HASH_BYTES : (first + count) * HASH_BYTES]
    if len(hashes) != count * HASH_BYTES:
        raise MissingHashes(
            f"tile {tile.index} of level {tile.level} lacks the hashes from {first} to {first + count - 1}"
        )
    return perfect_root(split_hashes(hashes))


class GrowingTree:
    """A tree that leaves are appended to. It holds the tiles that are not full, at most one of a level."""

    def __init__(self, size: int = 0, edge: Mapping[HashTileId, bytes] | None = None) -> None:
        """Go on from a tree of `size` leaves, whose `edge_tiles` are `edge`. Raises `MissingHashes` if they are not."""
        self.size = size
        self._edge: dict[int, bytearray] = {}
        for tile in edge_tiles(size):
            count = (size >> (LEVELS_PER_TILE * tile.level)) % TILE_HASHES
            hashes = (edge or {}).get(tile, b"")[: count * HASH_BYTES]
            if len(hashes) != count * HASH_BYTES:
                raise MissingHashes(f"tile {tile.index} of level {tile.level} has fewer than {count} hashes")
            self._edge[tile.level] = bytearray(hashes)

    def append(self, leaves: Iterable[bytes]) -> dict[HashTileId, bytes]:
        """Append leaf hashes. Return the tiles that have changed, each as it is now."""
        full: dict[HashTileId, bytes] = {}
        changed = 0
        for leaf in leaves:
            changed = max(changed, self._add(0, leaf, full))
            self.size += 1
        grown = {
            tile: bytes(self._edge[tile.level]) for tile in edge_tiles(self.size) if tile.level < changed
        }
        return full | grown

    def root(self) -> bytes:
        """Return the root over all leaves."""
        tiles = {tile: bytes(self._edge[tile.level]) for tile in edge_tiles(self.size)}
        return range_root(LeafRange(0, self.size), tiles)

    def _add(self, level: int, hashed: bytes, full: dict[HashTileId, bytes]) -> int:
        """Add a hash to the last tile of a level. Return the number of levels that have changed."""
        tile = self._edge.setdefault(level, bytearray())
        tile += hashed
        if len(tile) < TILE_BYTES:
            return level + 1
        index = self.size >> (LEVELS_PER_TILE * (level + 1))
        full[HashTileId(level, index)] = bytes(tile)
        root = perfect_root(split_hashes(bytes(tile)))
        del self._edge[level]
        return self._add(level + 1, root, full)
