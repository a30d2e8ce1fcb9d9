"""The tree in the database: its leaves are the commits of the archive, in order."""

from __future__ import annotations

from collections.abc import Collection

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
from kinolog.merkle.hashes import HASH_BYTES
from kinolog.merkle.leaf_range import LeafRange, consistency_ranges
from kinolog.readmodel.database import Connection

TREE_LOCK = 0x6B696E6F74726565
"""Advisory lock of whoever writes to the tree, for one transaction."""

LOCK = sql.SQL("SELECT pg_advisory_xact_lock(%s)")
LAST_TILE = sql.SQL(
    "SELECT number, octet_length(hashes) FROM kinolog.tree_tiles WHERE level = 0 ORDER BY number DESC LIMIT 1"
)
READ_TILES = sql.SQL(
    "SELECT level, number, hashes FROM unnest(%s::smallint[], %s::bigint[]) AS wanted (level, number)"
    " JOIN kinolog.tree_tiles USING (level, number)"
)
STORE_TILES = sql.SQL(
    "INSERT INTO kinolog.tree_tiles (level, number, hashes)"
    " SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])"
    " ON CONFLICT (level, number) DO UPDATE SET hashes = EXCLUDED.hashes"
)
ARCHIVED = sql.SQL("SELECT position FROM kinolog.log_checkpoint")
LEAVES = sql.SQL(
    "SELECT sha256('\\x00'::bytea || raw) FROM kinolog.archive WHERE position > %s AND position <= %s ORDER BY position"
)
"""`kinolog.merkle.hashes.leaf_hash` of commits, computed where they are."""

BATCH_COMMITS = 20 * TILE_HASHES


class TreeConflict(Exception):
    """Another process wrote to the tree meanwhile."""


class DamagedTree(Exception):
    """The commits are not those that the tree was made of, or the tree is not that of a signed head."""


async def stored_size(connection: Connection) -> int:
    """Return the number of commits in the tree."""
    cursor = await connection.execute(LAST_TILE)
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0]) * TILE_HASHES + int(row[1]) // HASH_BYTES


async def archived_position(connection: Connection) -> int:
    """Return the last position of the archive."""
    cursor = await connection.execute(ARCHIVED)
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def read_tiles(connection: Connection, wanted: Collection[HashTileId]) -> dict[HashTileId, bytes]:
    """Return those of the tiles that are stored."""
    columns = [[tile.level for tile in wanted], [tile.index for tile in wanted]]
    cursor = await connection.execute(READ_TILES, columns)
    return {
        HashTileId(int(level), int(number)): bytes(hashes)
        for level, number, hashes in await cursor.fetchall()
    }


async def range_roots(connection: Connection, ranges: Collection[LeafRange]) -> list[bytes]:
    """Return the roots over ranges of the stored tree. Raises `DamagedTree`."""
    tiles = await read_tiles(connection, tiles_of(ranges))
    try:
        return [range_root(leaves, tiles) for leaves in ranges]
    except MissingHashes as error:
        raise DamagedTree(f"the stored tree is damaged: {error}") from error


class CommitTree:
    """The stored tree, and what appending to it needs. The connection is in autocommit mode."""

    def __init__(self, connection: Connection, growing: GrowingTree) -> None:
        self._connection = connection
        self._growing = growing

    @classmethod
    async def open(cls, connection: Connection) -> CommitTree:
        """Read the stored tree. Raises `DamagedTree`."""
        size = await stored_size(connection)
        try:
            return cls(connection, GrowingTree(size, await read_tiles(connection, edge_tiles(size))))
        except MissingHashes as error:
            raise DamagedTree(f"the stored tree of {counted(size, 'commit')} is damaged: {error}") from error

    @property
    def size(self) -> int:
        """The number of its commits."""
        return self._growing.size

    async def grow(self) -> int:
        """Append the next commits of the archive, at most `BATCH_COMMITS`. Return how many.

        Raises `DamagedTree` if the archive has fewer commits than the tree, `TreeConflict` if another process writes.
        """
        end = await archived_position(self._connection)
        if end < self.size:
            raise DamagedTree(
                f"the tree has {counted(self.size, 'commit')}, but the archive ends at position {end}"
            )
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
            await self._connection.execute(STORE_TILES, columns)
        return len(leaves)

    async def lock(self) -> None:
        """Keep other processes from writing until the transaction ends. Raises `TreeConflict` if one has written."""
        await self._connection.execute(LOCK, [TREE_LOCK])
        if await stored_size(self._connection) != self.size:
            raise TreeConflict("another projector writes to the tree")

    async def root(self, size: int) -> bytes:
        """Return the root of the tree of the first commits. Raises `DamagedTree`."""
        if size == self.size:
            return self._growing.root()
        (root,) = await range_roots(self._connection, [LeafRange(0, size)])
        return root

    async def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """Return the hashes that prove that the tree of `second` commits begins with that of `first`.

        Raises `DamagedTree`.
        """
        return await range_roots(self._connection, consistency_ranges(first, second))

    async def compare(self, tile: int) -> bool:
        """Compare the hashes of a tile with the commits of the archive. Return False if there is no such tile.

        Raises `DamagedTree` with the first position that differs.
        """
        first = tile * TILE_HASHES
        found = await read_tiles(self._connection, [HashTileId(0, tile)])
        if not found:
            return False
        stored = split_hashes(found[HashTileId(0, tile)])
        archived = await self._leaves(first, first + len(stored))
        for position, (there, here) in enumerate(zip(stored, archived, strict=True), start=first + 1):
            if there != here:
                raise DamagedTree(
                    f"the commit at position {position} is another one than when it was added to the tree"
                )
        return True

    async def _leaves(self, after: int, until: int) -> list[bytes]:
        """Return the hashes of the commits after a position. Raises `DamagedTree` if the archive lacks one."""
        cursor = await self._connection.execute(LEAVES, [after, until])
        leaves = [bytes(leaf) for (leaf,) in await cursor.fetchall()]
        if len(leaves) != until - after:
            raise DamagedTree(f"the archive lacks commits between the positions {after + 1} and {until}")
        return leaves
