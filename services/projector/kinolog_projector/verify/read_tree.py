"""Compares the recorded reads with the tree over them, with the signed heads, and with the hashes of witnesses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from psycopg import sql

from kinolog.counts import counted
from kinolog.merkle.hash_tiles import TILE_HASHES, GrowingTree, HashTileId, split_hashes
from kinolog.merkle.hashes import HASH_BYTES
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import InvalidNote
from kinolog.merkle.tree_head import ReadTreeHead, TreeHead, reads_origin_of
from kinolog.readmodel.database import Connection
from kinolog_projector.tree.commit_tree import READS, read_tiles, stored_size
from kinolog_projector.verify.difference import Difference, DifferenceFound

DELETIONS = sql.SQL(
    "SELECT until_number, deleted_at, days, by_size FROM kinolog.read_deletions ORDER BY until_number"
)


class ReadTreeComparison:
    """Reads the tree over reads once, over a connection whose transaction sees one state of the database."""

    def __init__(
        self, snapshot: Connection, heads: Sequence[SignedHead], witnessed: Sequence[bytes] = ()
    ) -> None:
        """Compare with the `heads` of the database and of copies; `witnessed` are hashes as witnesses store them."""
        self._snapshot = snapshot
        self._heads = list(_stated(heads))
        self._witnessed = witnessed
        self._tree = GrowingTree()
        self._upper: dict[HashTileId, bytes] = {}
        self._matched = 0

    async def run(self) -> None:
        """Compare. Raises `DifferenceFound` for the first batch that differs."""
        size = await stored_size(self._snapshot, READS)
        cursor = await self._snapshot.execute(DELETIONS)
        deletions = await cursor.fetchall()
        deleted = int(deletions[-1][0]) if deletions else 0
        by_size = sorted(self._heads, key=lambda one: one[1].size)
        for index in range(-(-size // TILE_HASHES)):
            hashes = await self._leaves(index, size, deleted)
            await self._grow(hashes, by_size)
        await self._compare_upper_tiles()
        for signed, stated, _ in by_size:
            if stated.size > size:
                batches = counted(stated.size, "batch", "batches")
                raise _differs(
                    size + 1,
                    f"head {signed.number} of the tree states {batches}, but there are {size}: the end is missing",
                )
        for until, at, days, was_by_size in deletions:
            if not was_by_size:
                self._check_deletion(int(until), at - timedelta(days=int(days)), at)

    async def _leaves(self, index: int, size: int, deleted: int) -> list[bytes]:
        """Return the stored hashes of a tile, compared with the batches that are archived and with witnesses."""
        tile = HashTileId(0, index)
        hashes = split_hashes((await read_tiles(self._snapshot, [tile], READS)).get(tile, b""))
        first = index * TILE_HASHES
        if len(hashes) < min(TILE_HASHES, size - first):
            raise _differs(first + len(hashes) + 1, "the stored tree lacks its hash")
        cursor = await self._snapshot.execute(READS.leaves, [first, first + len(hashes)])
        archived = {int(number): bytes(leaf) for number, leaf in await cursor.fetchall()}
        for number, hashed in enumerate(hashes, start=first + 1):
            leaf = archived.get(number)
            if leaf is None and number > deleted:
                raise _differs(number, "it is missing, and was not too old to be kept")
            if leaf not in (None, hashed):
                raise _differs(number, "it is another one than when it was added to the tree over reads")
            for seen in self._witnessed:
                theirs = seen[(number - 1) * HASH_BYTES : number * HASH_BYTES]
                if theirs not in (b"", hashed):
                    raise _differs(number, "it is another one than the witness has seen")
        return hashes

    async def _grow(
        self, leaves: Sequence[bytes], heads: Sequence[tuple[SignedHead, ReadTreeHead, TreeHead]]
    ) -> None:
        """Add hashes to a tree of its own, and compare its roots with those of the heads."""
        start = self._tree.size
        origin = reads_origin_of(leaves[0]) if not start else ""
        for signed, stated, _ in heads if origin else ():
            if stated.origin != origin:
                text = f"head {signed.number} of the tree is of another record of reads, {stated.origin}"
                raise _differs(1, f"{text}; this one is {origin}")
        for signed, stated, _ in heads:
            if not start < stated.size <= start + len(leaves):
                continue
            if stated.size > self._tree.size:
                self._append(leaves[self._tree.size - start : stated.size - start])
            if self._tree.root() != stated.root:
                raise _differs(
                    stated.size,
                    f"this one, or one from {self._matched + 1} on, is another one than when head {signed.number} "
                    "of the tree was signed",
                )
            self._matched = stated.size
        self._append(leaves[self._tree.size - start :])

    def _append(self, leaves: Sequence[bytes]) -> None:
        made = self._tree.append(leaves)
        self._upper |= {tile: hashes for tile, hashes in made.items() if tile.level}

    async def _compare_upper_tiles(self) -> None:
        stored = await read_tiles(self._snapshot, list(self._upper), READS)
        for tile, expected in sorted(self._upper.items()):
            if not stored.get(tile, b"").startswith(expected):
                first = tile.index * TILE_HASHES ** (tile.level + 1) + 1
                raise _differs(first, "the stored tree lacks the hashes above it, or has others")

    def _check_deletion(self, until: int, limit: datetime, at: datetime) -> None:
        """Check that what was deleted as too old is in a head that is older than reads were kept then."""
        covering = [whole for _, stated, whole in self._heads if stated.size >= until]
        first = min(covering, key=lambda whole: whole.at, default=None)
        if first is not None and limit <= first.at <= at:
            raise _differs(until, "it was deleted before it was too old to be kept")


def _stated(heads: Sequence[SignedHead]) -> Iterator[tuple[SignedHead, ReadTreeHead, TreeHead]]:
    """Yield the heads that state reads, and what they state. One that was changed is a difference of the tree."""
    for signed in heads:
        try:
            whole = signed.head
        except InvalidNote:
            continue
        if whole.reads is not None:
            yield signed, whole.reads, whole


def _differs(number: int, problem: str) -> DifferenceFound:
    return DifferenceFound(Difference(text=f"batch {number} of the recorded reads: {problem}"))
