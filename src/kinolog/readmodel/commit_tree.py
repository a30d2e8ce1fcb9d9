"""The tree over all commits: its signed heads, the tiles of its hashes, and certificates of erasure under its heads."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, Integer, Table, Text, bindparam, column, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.merkle.erasure_certificate import SignedCertificate
from kinolog.merkle.hash_tiles import HashTileId
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import NoteKey
from kinolog.ports.tree.commit_tree import HeadPlace
from kinolog.readmodel.permanent_tables import (
    erasure_certificates,
    read_tree_tiles,
    tree_heads,
    tree_receipts,
    tree_tiles,
)
from kinolog.readmodel.projection_metadata import Key
from kinolog.readmodel.queries.statements import PreparedQuery, Snapshot

_HEADS = select(tree_heads.c.number, tree_heads.c.public_key, tree_heads.c.note)
_LAST_HEAD = PreparedQuery(_HEADS.order_by(tree_heads.c.number.desc()).limit(1))
_HEADS_AFTER = PreparedQuery(
    _HEADS.where(tree_heads.c.number > bindparam("after", type_=BigInteger))
    .order_by(tree_heads.c.number)
    .limit(bindparam("most", type_=Integer))
)
_HEAD_OF_SIZE = PreparedQuery(
    _HEADS.where(tree_heads.c.size == bindparam("size", type_=BigInteger))
    .order_by(tree_heads.c.number)
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


def _tiles_of(table: Table) -> PreparedQuery:
    found = table.c
    return PreparedQuery(
        select(found.level, found.number, found.hashes).join(
            _wanted, (found.level == _wanted.c.level) & (found.number == _wanted.c.number)
        )
    )


_TILES, _READ_TILES = _tiles_of(tree_tiles), _tiles_of(read_tree_tiles)
_sent = tree_receipts.c
_first_place = select(_sent.target).order_by(_sent.target).limit(1).cte("places", recursive=True)
_next_place = select(_sent.target).where(_sent.target > _first_place.c.target).order_by(_sent.target).limit(1)
_places = _first_place.union_all(
    select(_next_place.scalar_subquery()).where(_first_place.c.target.is_not(None))
)
_last_sent = (
    select(_sent.target, _sent.number, _sent.sent_at, func.octet_length(_sent.receipt) > 0)
    .where(_sent.target == _places.c.target)
    .order_by(_sent.number.desc())
    .limit(1)
    .lateral()
)
_HEAD_PLACES = PreparedQuery(select(_last_sent).select_from(_places.join(_last_sent, true())))
"""Each place by the index, and its last head: the table has a row for each head of each place."""
_stored = erasure_certificates.c
_erasure_id = bindparam("erasure_id", type_=Text())
_of_tenant = (
    select(_stored.number, _stored.public_key, _stored.note)
    .where(
        _stored.tenant == bindparam("tenant", type_=Text()),
        _stored.number > bindparam("after", type_=BigInteger),
        or_(_erasure_id == "", _stored.erasure_id == _erasure_id),
    )
    .order_by(_stored.number)
    .limit(bindparam("most", type_=Integer))
)
_ALL = PreparedQuery(_of_tenant)
_OF_JOB = PreparedQuery(_of_tenant.where(_stored.job_ids.contains(bindparam("job_ids", type_=ARRAY(Key)))))


async def last_tree_head(snapshot: Snapshot) -> SignedHead | None:
    """Return the last signed head; None if none was signed."""
    rows = await _LAST_HEAD.rows(snapshot)
    return _signed(*rows[0]) if rows else None


async def tree_heads_after(snapshot: Snapshot, after: int, limit: int) -> list[SignedHead]:
    """Return the signed heads that follow the one with the number `after`, oldest first."""
    return [_signed(*row) for row in await _HEADS_AFTER.rows(snapshot, {"after": after, "most": limit})]


async def tree_head_of_size(snapshot: Snapshot, size: int) -> SignedHead | None:
    """Return the first signed head of the tree of so many commits; None if there is none."""
    rows = await _HEAD_OF_SIZE.rows(snapshot, {"size": size})
    return _signed(*rows[0]) if rows else None


async def head_places(snapshot: Snapshot) -> list[HeadPlace]:
    """Return the places that took heads, by name, each with its last one."""
    return [
        HeadPlace(name=str(name), number=int(number), sent_at=sent_at, has_receipt=bool(has_receipt))
        for name, number, sent_at, has_receipt in await _HEAD_PLACES.rows(snapshot)
    ]


def _signed(number: int, public_key: bytes, note: str) -> SignedHead:
    return SignedHead(number=int(number), key=NoteKey(bytes(public_key)), note=str(note))


async def hash_tiles(
    snapshot: Snapshot, tiles: Collection[HashTileId], *, of_reads: bool = False
) -> dict[HashTileId, bytes]:
    """Return those of the tiles that are stored, of the tree over commits or of that over reads."""
    query = _READ_TILES if of_reads else _TILES
    values = {"levels": [tile.level for tile in tiles], "numbers": [tile.index for tile in tiles]}
    return {
        HashTileId(int(level), int(number)): bytes(hashes)
        for level, number, hashes in await query.rows(snapshot, values)
    }


async def certificates_after(
    snapshot: Snapshot, tenant: str, after: int, limit: int, erasure_id: str, job_id: str
) -> list[SignedCertificate]:
    """Return the tenant's certificates after one with a number: all, those of an erasure, or those of a job."""
    values = {
        "tenant": tenant,
        "after": after,
        "most": limit,
        "erasure_id": erasure_id,
        "job_ids": [job_id],
    }
    rows = await (_OF_JOB if job_id else _ALL).rows(snapshot, values)
    return [
        SignedCertificate(number=int(number), key=NoteKey(bytes(public_key)), note=str(note))
        for number, public_key, note in rows
    ]
