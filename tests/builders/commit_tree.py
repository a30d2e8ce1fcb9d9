"""The tree over all commits of an api over memory, with signed heads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinolog.merkle.hash_tiles import GrowingTree
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import NoteKey, signed_note
from kinolog.merkle.tree_head import ReadTreeHead, TreeHead, origin_of, reads_origin_of
from tests.builders.running_api import RunningApi

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


async def grow_tree(api: RunningApi, *, sign: bool = True, others: int = 0) -> None:
    """Make the tree of all commits, and of so many others after them, and sign its head."""
    leaves = [leaf_hash(recorded.raw) async for batch in api.store.read(0) for recorded in batch]
    leaves += map(leaf_hash, [b"another"] * others)
    tree = GrowingTree()
    api.read_model.tree_tiles = tree.append(leaves)
    reads = GrowingTree()
    batches = [leaf_hash(recorded.raw) for recorded in api.read_log.batches]
    api.read_model.tiles_of_reads = reads.append(batches)
    if sign:
        heads = api.read_model.signed_heads
        at = NOON + timedelta(minutes=len(heads))
        of_reads = None
        if batches:
            of_reads = ReadTreeHead(origin=reads_origin_of(batches[0]), size=reads.size, root=reads.root())
        head = TreeHead(origin=origin_of(leaves[0]), size=tree.size, root=tree.root(), at=at, reads=of_reads)
        note = signed_note(head.text, head.origin, [KEY])
        heads.append(SignedHead(number=len(heads) + 1, key=NoteKey.of(KEY), note=note))
