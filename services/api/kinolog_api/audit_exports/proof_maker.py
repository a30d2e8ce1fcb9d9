"""Which heads a bundle has, and the hashes that prove its commits: read from the tree over all commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from grpc import StatusCode

from kinolog.connections.recent_entries import RecentEntries
from kinolog.counts import counted
from kinolog.merkle.hash_tiles import HashTileId, tiles_of
from kinolog.merkle.leaf_range import LeafRange, consistency_ranges
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import InvalidNote
from kinolog.merkle.subset_proof import subset_ranges
from kinolog.merkle.tree_head import TreeHead
from kinolog.merkle.witness import PublishedHead
from kinolog.ports.tree.commit_tree import CommitTreeReader
from kinolog_api.audit.tree_roots import roots_over
from kinolog_api.rpc.errors import RETRY_SECONDS, RequestViolation, RpcError, invalid_argument

TILES_AT_ONCE = 200
REMEMBERED_TILES = 1_000
"""Tiles in memory: 8 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleHeads:
    """The heads of a bundle, each with the proof that it continues the one before; and that which has the commits."""

    published: tuple[PublishedHead, ...]
    under: SignedHead
    size: int


class ProofMaker:
    """Reads heads and proofs of the tree."""

    def __init__(self, tree: CommitTreeReader) -> None:
        self._tree = tree
        self._tiles = RecentEntries[HashTileId, bytes](REMEMBERED_TILES)

    async def last_head(self) -> tuple[SignedHead, TreeHead]:
        """Return the last head. Raises FAILED_PRECONDITION if none is signed."""
        signed = await self._tree.last_tree_head()
        if signed is None:
            message = (
                "no head of the tree over all commits is signed, so nothing can be proved; see kinolog doctor"
            )
            raise RpcError(StatusCode.FAILED_PRECONDITION, "NO_TREE_HEAD", message)
        return signed, _stated(signed)

    async def heads(self, last_position: int, earlier_sizes: Iterable[int]) -> BundleHeads:
        """Return the first head with a position, the last one, those of earlier sizes, and those with new keys.

        Raises FAILED_PRECONDITION if the position is not signed yet, INVALID_ARGUMENT for a size that no head has.
        """
        newest, stated = await self.last_head()
        if last_position > stated.size:
            raise not_signed_yet(last_position, stated.size)
        under = await self._first_head(newest.number, last_position)
        chosen = {signed.number: signed for signed in (under, newest)}
        for size in earlier_sizes:
            found = await self._tree.tree_head_of_size(size)
            if found is None:
                commits = counted(size, "commit")
                text = f"no head of a tree of {commits} is signed here: it is of another log, or history was rewritten"
                raise invalid_argument([RequestViolation("earlier_sizes", text)])
            chosen[found.number] = found
        chosen |= await self._introductions(sorted(chosen.values(), key=lambda signed: signed.number))
        in_order = [chosen[number] for number in sorted(chosen)]
        return BundleHeads(
            published=tuple(await self._published(in_order)), under=under, size=_stated(under).size
        )

    async def proof(self, leaves: Sequence[int], size: int) -> AsyncIterator[bytes]:
        """Yield the hashes that prove leaves in the tree of `size` leaves. Raises UNAVAILABLE without them."""
        some: list[LeafRange] = []
        for leaf_range in subset_ranges(leaves, size):
            some.append(leaf_range)
            if len(some) >= TILES_AT_ONCE // 2:
                for root in await self._roots(some):
                    yield root
                some = []
        for root in await self._roots(some):
            yield root

    async def _first_head(self, newest: int, size: int) -> SignedHead:
        """Return the first head of a tree with so many commits, by halving the numbers up to the newest one."""
        low, high = 1, newest
        while low < high:
            middle = (low + high) // 2
            if _stated(await self._head(middle)).size < size:
                low = middle + 1
            else:
                high = middle
        return await self._head(low)

    async def _introductions(self, heads: Sequence[SignedHead]) -> dict[int, SignedHead]:
        """Return the first head of each key between neighbours with two keys: both keys signed it."""
        found = {}
        for before, after in pairwise(heads):
            known = before
            while known.key != after.key:
                low, high = known.number + 1, after.number
                while low < high:
                    middle = (low + high) // 2
                    if (await self._head(middle)).key == known.key:
                        low = middle + 1
                    else:
                        high = middle
                known = await self._head(low)
                found[known.number] = known
        return found

    async def _head(self, number: int) -> SignedHead:
        heads = await self._tree.tree_heads(number - 1, 1)
        if not heads or heads[0].number != number:
            message = (
                f"head {number} of the tree over all commits is missing: compare with a copy of heads.log"
            )
            raise RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", message)
        return heads[0]

    async def _published(self, heads: Sequence[SignedHead]) -> list[PublishedHead]:
        published = [PublishedHead(signed=heads[0])]
        for before, after in pairwise(heads):
            ranges = consistency_ranges(_stated(before).size, _stated(after).size)
            published.append(PublishedHead(signed=after, proof=tuple(await self._roots(ranges))))
        return published

    async def _roots(self, ranges: Sequence[LeafRange]) -> list[bytes]:
        """Return the roots over ranges. Raises UNAVAILABLE while the tree is made again."""
        needed = tiles_of(ranges)
        missing = sorted(needed - self._tiles.keys())
        fetched = {tile: self._tiles[tile] for tile in needed & self._tiles.keys()}
        for start in range(0, len(missing), TILES_AT_ONCE):
            fetched |= await self._tree.hash_tiles(missing[start : start + TILES_AT_ONCE])
        for tile, hashes in fetched.items():
            self._tiles[tile] = hashes
        return roots_over(ranges, fetched)


def not_signed_yet(position: int, size: int) -> RpcError:
    """Return the error for a commit that no signed head has yet."""
    message = (
        f"position {position} is not under a signed head yet, the last one has {counted(size, 'commit')}: the next one "
        "is signed within a minute; then try again"
    )
    metadata = {"tree_size": str(size)}
    return RpcError(
        StatusCode.FAILED_PRECONDITION,
        "NOT_SIGNED_YET",
        message,
        metadata=metadata,
        retry_seconds=RETRY_SECONDS,
    )


def _stated(signed: SignedHead) -> TreeHead:
    """Return what was signed. Raises DATA_LOSS."""
    try:
        return signed.head
    except InvalidNote as error:
        message = f"the signed head {signed.number} of the tree was changed: {error}"
        raise RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", message) from error
