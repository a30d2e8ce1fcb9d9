"""Port: the tree over all commits, as the projector stores it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kinolog.merkle.hash_tiles import HashTileId
from kinolog.merkle.signed_head import SignedHead


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPlace:
    """A place outside of kinolog, and the last head that it took."""

    name: str
    """Its address, without credentials."""
    number: int
    """Number of that head."""
    sent_at: datetime
    has_receipt: bool
    """Whether it gave something for the head, such as a timestamp token."""


class CommitTreeReader(Protocol):
    """Reads the tree. Every method raises `ReadModelUnavailable` if the database is unreachable."""

    async def last_tree_head(self) -> SignedHead | None:
        """Return the last signed head; None if none was signed."""
        ...

    async def tree_heads(self, after: int, limit: int) -> list[SignedHead]:
        """Return the signed heads that follow the one with the number `after`, oldest first."""
        ...

    async def tree_head_of_size(self, size: int) -> SignedHead | None:
        """Return the first signed head of the tree of so many commits; None if there is none."""
        ...

    async def hash_tiles(self, tiles: Collection[HashTileId]) -> dict[HashTileId, bytes]:
        """Return those of the tiles that are stored. A tile may have grown since a head was signed."""
        ...

    async def head_places(self) -> list[HeadPlace]:
        """Return the places that took heads, by name, each with its last one."""
        ...

    async def read_tree_tiles(self, tiles: Collection[HashTileId]) -> dict[HashTileId, bytes]:
        """Return those of the tiles of the tree over recorded reads that are stored."""
        ...
