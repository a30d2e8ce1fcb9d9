"""The hashes of all leaves of a tree, as a witness stores them, and where another tree differs from them."""

from __future__ import annotations

from collections.abc import Callable

from kinolog.merkle.hash_tiles import TILE_HASHES, GrowingTree, HashTileId, split_hashes
from kinolog.merkle.hashes import HASH_BYTES, perfect_root

LEAF_TILE_BYTES = TILE_HASHES * HASH_BYTES

TileReader = Callable[[HashTileId], bytes]
"""Returns the hashes of a tile, as many as there are: none if there is no such tile."""


class LeafHashes:
    """The hashes of the leaves of a growing tree, in order."""

    def __init__(self, hashes: bytes = b"") -> None:
        self._hashes = bytearray(hashes)
        self._tree = GrowingTree()
        self._tree.append(split_hashes(hashes))

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._tree.size

    def root(self) -> bytes:
        """Return the root of the tree."""
        return self._tree.root()

    def after(self, size: int) -> bytes:
        """Return the hashes of the leaves after the first ones."""
        return bytes(self._hashes[size * HASH_BYTES :])

    def grown(self, size: int, read_tile: TileReader) -> bytes:
        """Return the hashes of the leaves that follow, up to a tree of `size`: fewer if the tiles have fewer."""
        first = self.size // TILE_HASHES
        tiles = (read_tile(HashTileId(0, index)) for index in range(first, -(-size // TILE_HASHES)))
        return b"".join(tiles)[
            (self.size % TILE_HASHES) * HASH_BYTES : (size - first * TILE_HASHES) * HASH_BYTES
        ]

    def append(self, hashes: bytes) -> None:
        """Append hashes of leaves."""
        self._hashes += hashes
        self._tree.append(split_hashes(hashes))

    def cut(self, size: int) -> None:
        """Keep the first leaves alone."""
        self._hashes = self._hashes[: size * HASH_BYTES]
        self._tree = GrowingTree()
        self._tree.append(split_hashes(bytes(self._hashes)))

    def first_difference(self, read_tile: TileReader) -> int | None:
        """Return the position of the first leaf that another tree lacks or has with another hash; None without one.

        The other tree may have more leaves. It is read in tiles: one for 65,536 leaves, and those of the end.
        """
        full = self.size // TILE_HASHES
        for start in range(0, full, TILE_HASHES):
            theirs = split_hashes(read_tile(HashTileId(1, start // TILE_HASHES)))
            for index in range(start, min(start + TILE_HASHES, full)):
                ours = perfect_root(split_hashes(self._tile(index)))
                is_same = index - start < len(theirs) and theirs[index - start] == ours
                if not is_same and (position := self._first_in(index, read_tile)) is not None:
                    return position
        return self._first_in(full, read_tile) if self.size % TILE_HASHES else None

    @staticmethod
    def is_missing(position: int, read_tile: TileReader) -> bool:
        """Return whether another tree has no hash at a position: it ends before, or is not whole yet."""
        index, at = divmod(position - 1, TILE_HASHES)
        return len(read_tile(HashTileId(0, index))) <= at * HASH_BYTES

    def _first_in(self, index: int, read_tile: TileReader) -> int | None:
        """Return the position of the first leaf of a tile that differs."""
        theirs = split_hashes(read_tile(HashTileId(0, index)))
        for at, ours in enumerate(split_hashes(self._tile(index))):
            if at >= len(theirs) or theirs[at] != ours:
                return index * TILE_HASHES + at + 1
        return None

    def _tile(self, index: int) -> bytes:
        return bytes(self._hashes[index * LEAF_TILE_BYTES : (index + 1) * LEAF_TILE_BYTES])
