"""The tree over all commits: its last signed head, and the tiles of its hashes."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.merkle.hash_tiles import HashTileId
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import NoteKey
from kinolog.readmodel.permanent_tables import tree_heads, tree_tiles
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot

_LAST_HEAD = PreparedQuery(
    select(tree_heads.c.number, tree_heads.c.public_key, tree_heads.c.note)
    .order_by(tree_heads.c.number.desc())
    .limit(1)
)
_wanted = (
    func.unnest(
        bindparam("levels", type_=ARRAY(tree_tiles.c.level.type)),
        bindparam("numbers", type_=ARRAY(tree_tiles.c.number.type)),
    )
    .table_valued(column("level", tree_tiles.c.level.type), column("number", tree_tiles.c.number.type))
    .render_derived(name="wanted")
)
_TILES = PreparedQuery(
    select(tree_tiles.c.level, tree_tiles.c.number, tree_tiles.c.hashes).join(
        _wanted, (tree_tiles.c.level == _wanted.c.level) & (tree_tiles.c.number == _wanted.c.number)
    )
)


async def last_tree_head(snapshot: Snapshot) -> SignedHead | None:
    """Return the last signed head; None if none was signed."""
    rows = await _LAST_HEAD.rows(snapshot)
    if not rows:
        return None
    number, public_key, note = rows[0]
    return SignedHead(number=int(number), key=NoteKey(bytes(public_key)), note=str(note))


async def hash_tiles(snapshot: Snapshot, tiles: Collection[HashTileId]) -> dict[HashTileId, bytes]:
    """Return those of the tiles that are stored."""
    values = {"levels": [tile.level for tile in tiles], "numbers": [tile.index for tile in tiles]}
    return {
        HashTileId(int(level), int(number)): bytes(hashes)
        for level, number, hashes in await _TILES.rows(snapshot, values)
    }
