"""Signed heads of the database with the proofs that each continues the one before, for others."""

from __future__ import annotations

from kinolog.merkle.leaf_range import consistency_ranges
from kinolog.merkle.signed_note import InvalidNote
from kinolog.merkle.tree_head import ReadTreeHead
from kinolog.merkle.witness import PublishedHead
from kinolog.readmodel.database import Connection
from kinolog_projector.tree.commit_tree import READS, DamagedTree, range_roots
from kinolog_projector.tree.stored_heads import heads_after


async def published_heads(connection: Connection, after: int, limit: int) -> list[PublishedHead]:
    """Return the next heads after that with a number, oldest first, at most `limit`. Raises `DamagedTree`."""
    published, size, reads = list[PublishedHead](), 0, None
    for signed in await heads_after(connection, max(after - 1, 0), limit + 1):
        try:
            before, size = size, signed.head.size
            reads_before, reads = reads, signed.head.reads
        except InvalidNote as error:
            raise DamagedTree(f"the signed head {signed.number} was changed: {error}") from error
        if signed.number > after:
            proof = await range_roots(connection, consistency_ranges(before, size))
            reads_proof = await _reads_proof(connection, reads_before, reads)
            published.append(PublishedHead(signed=signed, proof=tuple(proof), reads_proof=reads_proof))
    return published[:limit]


async def _reads_proof(
    connection: Connection, before: ReadTreeHead | None, after: ReadTreeHead | None
) -> tuple[bytes, ...] | None:
    """Return the proof that a record of reads continues that of the head before; None without such a record."""
    if after is None:
        return None
    is_continued = before is not None and before.origin == after.origin and before.size <= after.size
    ranges = consistency_ranges(before.size, after.size) if before is not None and is_continued else []
    return tuple(await range_roots(connection, ranges, READS))
