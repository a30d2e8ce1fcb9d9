"""Signed heads of the database with the proofs that each continues the one before, for others."""

from __future__ import annotations

from kinolog.merkle.leaf_range import consistency_ranges
from kinolog.merkle.signed_note import InvalidNote
from kinolog.merkle.witness import PublishedHead
from kinolog.readmodel.database import Connection
from kinolog_projector.tree.commit_tree import DamagedTree, range_roots
from kinolog_projector.tree.stored_heads import heads_after


async def published_heads(connection: Connection, after: int, limit: int) -> list[PublishedHead]:
    """Return the next heads after that with a number, oldest first, at most `limit`. Raises `DamagedTree`."""
    published, size = list[PublishedHead](), 0
    for signed in await heads_after(connection, max(after - 1, 0), limit + 1):
        try:
            before, size = size, signed.head.size
        except InvalidNote as error:
            raise DamagedTree(f"the signed head {signed.number} was changed: {error}") from error
        if signed.number > after:
            proof = await range_roots(connection, consistency_ranges(before, size))
            published.append(PublishedHead(signed=signed, proof=tuple(proof)))
    return published[:limit]
