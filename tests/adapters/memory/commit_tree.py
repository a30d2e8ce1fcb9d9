"""The tree over all commits in memory, as a test makes it."""

from __future__ import annotations

from collections.abc import Collection

from kinolog.merkle.hash_tiles import HashTileId
from kinolog.merkle.signed_head import SignedHead


class MemoryCommitTree:
    """The last head and the tiles that a test stores."""

    def __init__(self) -> None:
        self.tree_head: SignedHead | None = None
        self.tree_tiles: dict[HashTileId, bytes] = {}

    async def last_tree_head(self) -> SignedHead | None:
        return self.tree_head

    async def hash_tiles(self, tiles: Collection[HashTileId]) -> dict[HashTileId, bytes]:
        return {tile: self.tree_tiles[tile] for tile in tiles if tile in self.tree_tiles}
