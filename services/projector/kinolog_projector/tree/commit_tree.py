"""The trees in the database: the leaves are the commits of the archive, or the batches of recorded reads, in order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from kinolog.counts import counted
from kinolog.merkle.hash_tiles import (
    TILE_HASHES,
    GrowingTree,
    HashTileId,
    MissingHashes,
    edge_tiles,
    range_root,
    split_hashes,
    tiles_of,
)
from kinolog.merkle.hashes import HASH_BYTES, leaf_hash
from kinolog.merkle.leaf_range import LeafRange, consistency_ranges
from kinolog.readmodel.database import Connection

TREE_LOCK = 0x6B696E6F74726565
"""Advisory lock of whoever writes to the tree, for one transaction."""

LOCK = sql.SQL("SELECT pg_advisory_xact_lock(%s)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTree:
    """Where a tree is stored, and what its leaves are hashes of. `END` and `LEAVES` are statements."""

    tiles: sql.Identifier
    end: sql.SQL
    leaves: sql.SQL
    """Number and hash of leaves after one: `kinolog.merkle.hashes.leaf_hash`, computed where they are."""
    unit: str
    plural: str
    counter: str
    """What numbers its leaves."""
    named: str
    """How a leaf is called, before its number."""
    deleted: sql.SQL | None = None
    """Up to which number leaves may be gone whose hashes stay."""

    @property
    def last_tile(self) -> sql.Composed:
        """The statement that reads the last tile of the leaves."""
        return self._statement(
            "SELECT number, octet_length(hashes) FROM {tiles} WHERE level = 0 ORDER BY number DESC LIMIT 1"
        )

    @property
    def read_tiles(self) -> sql.Composed:
        """The statement that reads tiles."""
        return self._statement(
            "SELECT level, number, hashes FROM unnest(%s::smallint[], %s::bigint[]) AS wanted (level, number)"
            " JOIN {tiles} USING (level, number)"
        )

    @property
    def store_tiles(self) -> sql.Composed:
        """The statement that stores tiles."""
        return self._statement(
            "INSERT INTO {tiles} (level, number, hashes)"
            " SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])"
            " ON CONFLICT (level, number) DO UPDATE SET hashes = EXCLUDED.hashes"
        )

    def _statement(self, text: LiteralString) -> sql.Composed:
        return sql.SQL(text).format(tiles=self.tiles)


COMMITS = StoredTree(
    tiles=sql.Identifier("kinolog", "tree_tiles"),
    end=sql.SQL("SELECT position FROM kinolog.log_checkpoint"),
    leaves=sql.SQL(
        "SELECT position, sha256('\\x00'::bytea || raw) FROM kinolog.archive"
        " WHERE position > %s AND position <= %s ORDER BY position"
    ),
    unit="commit",
    plural="commits",
    counter="position",
    named="the commit at position",
)
READS = StoredTree(
    tiles=sql.Identifier("kinolog", "read_tree_tiles"),
    end=sql.SQL(
        "SELECT greatest((SELECT max(number) FROM kinolog.read_checkpoint),"
        " (SELECT max(number) FROM kinolog.read_batches),"
        " (SELECT max(until_number) FROM kinolog.read_deletions), 0)"
    ),
    leaves=sql.SQL(
        "SELECT number, sha256('\\x00'::bytea || raw) FROM kinolog.read_batches"
        " WHERE number > %s AND number <= %s ORDER BY number"
    ),
    unit="batch of recorded reads",
    plural="batches of recorded reads",
    counter="number",
    named="the batch of recorded reads",
    deleted=sql.SQL("SELECT coalesce(max(until_number), 0) FROM kinolog.read_deletions"),
)
DELETED_LEAF = leaf_hash(b"")
"""Leaf of a batch that was deleted before there was a tree over reads."""

BATCH_COMMITS = 20 * TILE_HASHES


class TreeConflict(Exception):
    """Another process wrote to the tree meanwhile."""


class DamagedTree(Exception):
    """The commits are not those that the tree was made of, or the tree is not that of a signed head."""


async def stored_size(connection: Connection, stored: StoredTree = COMMITS) -> int:
    """Return the number of leaves in the tree."""
    cursor = await connection.execute(stored.last_tile)
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0]) * TILE_HASHES + int(row[1]) // HASH_BYTES


async def archived_end(connection: Connection, stored: StoredTree) -> int:
    """Return the number of the last leaf that is archived."""
    cursor = await connection.execute(stored.end)
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def read_tiles(
    connection: Connection, wanted: Collection[HashTileId], stored: StoredTree = COMMITS
) -> dict[HashTileId, bytes]:
    """Return those of the tiles that are stored."""
    columns = [[tile.level for tile in wanted], [tile.index for tile in wanted]]
    cursor = await connection.execute(stored.read_tiles, columns)
    return {
        HashTileId(int(level), int(number)): bytes(hashes)
        for level, number, hashes in await cursor.fetchall()
    }


async def range_roots(
    connection: Connection, ranges: Collection[LeafRange], stored: StoredTree = COMMITS
) -> list[bytes]:
    """Return the roots over ranges of the stored tree. Raises `DamagedTree`."""
    tiles = await read_tiles(connection, tiles_of(ranges), stored)
    try:
        return [range_root(leaves, tiles) for leaves in ranges]
    except MissingHashes as error:
        raise DamagedTree(f"the stored tree of {stored.plural} is damaged: {error}") from error


class CommitTree:
    """The stored tree, and what appending to it needs. The connection is in autocommit mode."""

    def __init__(self, connection: Connection, growing: GrowingTree, stored: StoredTree) -> None:
        self._connection = connection
        self._growing = growing
        self.stored = stored
        """Where it is."""

    @classmethod
    async def open(cls, connection: Connection, stored: StoredTree = COMMITS) -> CommitTree:
        """Read the stored tree. Raises `DamagedTree`."""
        size = await stored_size(connection, stored)
        try:
            growing = GrowingTree(size, await read_tiles(connection, edge_tiles(size), stored))
        except MissingHashes as error:
            leaves = counted(size, stored.unit, stored.plural)
            raise DamagedTree(f"the stored tree of {leaves} is damaged: {error}") from error
        return cls(connection, growing, stored)

    @property
    def size(self) -> int:
        """The number of its leaves."""
        return self._growing.size

    async def grow(self) -> int:
        """Append the next leaves of the archive, at most `BATCH_COMMITS`. Return how many.

        Raises `DamagedTree` if the archive has fewer than the tree, `TreeConflict` if another process writes.
        """
        end = await archived_end(self._connection, self.stored)
        if end < self.size:
            have = counted(self.size, self.stored.unit, self.stored.plural)
            raise DamagedTree(f"the tree has {have}, but the archive ends at {self.stored.counter} {end}")
        if end == self.size:
            return 0
        leaves = await self._leaves(self.size, min(end, self.size + BATCH_COMMITS))
        async with self._connection.transaction():
            await self.lock()
            changed = self._growing.append(leaves)
            columns = [
                [tile.level for tile in changed],
                [tile.index for tile in changed],
                list(changed.values()),
            ]
            await self._connection.execute(self.stored.store_tiles, columns)
        return len(leaves)

    async def lock(self) -> None:
        """Keep other processes from writing until the transaction ends. Raises `TreeConflict` if one has written."""
        await self._connection.execute(LOCK, [TREE_LOCK])
        if await stored_size(self._connection, self.stored) != self.size:
            raise TreeConflict("another projector writes to the tree")

    async def root(self, size: int) -> bytes:
        """Return the root of the tree of the first leaves. Raises `DamagedTree`."""
        if size == self.size:
            return self._growing.root()
        (root,) = await range_roots(self._connection, [LeafRange(0, size)], self.stored)
        return root

    async def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """Return the hashes that prove that the tree of `second` leaves begins with that of `first`.

        Raises `DamagedTree`.
        """
        return await range_roots(self._connection, consistency_ranges(first, second), self.stored)

    async def compare(self, tile: int) -> bool:
        """Compare the hashes of a tile with what is archived. Return False if there is no such tile.

        Raises `DamagedTree` with the first number that differs.
        """
        first = tile * TILE_HASHES
        found = await read_tiles(self._connection, [HashTileId(0, tile)], self.stored)
        if not found:
            return False
        stored = split_hashes(found[HashTileId(0, tile)])
        archived = await self._archived(first, first + len(stored))
        deleted = await self._deleted_until()
        for number, there in enumerate(stored, start=first + 1):
            here = archived.get(number)
            if here is None and number <= deleted:
                continue
            if here is None:
                raise DamagedTree(f"the archive lacks {self.stored.named} {number}")
            if there != here:
                raise DamagedTree(
                    f"{self.stored.named} {number} is another one than when it was added to the tree"
                )
        return True

    async def _leaves(self, after: int, until: int) -> list[bytes]:
        """Return the hashes of the leaves after a number. Raises `DamagedTree` if the archive lacks one."""
        archived = await self._archived(after, until)
        # What was deleted before there was a tree has no hash. Later nothing is deleted before it is in the tree.
        deleted = await self._deleted_until()
        leaves = []
        for number in range(after + 1, until + 1):
            leaf = archived.get(number, DELETED_LEAF if number <= deleted else None)
            if leaf is None:
                raise DamagedTree(f"the archive lacks {self.stored.named} {number}")
            leaves.append(leaf)
        return leaves

    async def _archived(self, after: int, until: int) -> dict[int, bytes]:
        """Return the hashes of what is archived after a number, by number."""
        cursor = await self._connection.execute(self.stored.leaves, [after, until])
        return {int(number): bytes(leaf) for number, leaf in await cursor.fetchall()}

    async def _deleted_until(self) -> int:
        """Return up to which number leaves may be gone."""
        if self.stored.deleted is None:
            return 0
        row = await (await self._connection.execute(self.stored.deleted)).fetchone()
        return int(row[0]) if row else 0
