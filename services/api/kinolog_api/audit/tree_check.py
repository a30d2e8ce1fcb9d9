"""The check that the commits of a job are those in the tree over all commits, under its last signed head."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from kinolog.counts import counted
from kinolog.job.commit import RecordedCommit
from kinolog.merkle.hash_tiles import MissingHashes, range_root, tiles_of
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.leaf_range import LeafRange, inclusion_ranges
from kinolog.merkle.proofs import InvalidProof, check_inclusion
from kinolog.merkle.signed_note import InvalidNote
from kinolog.ports.tree.commit_tree import CommitTreeReader
from kinolog_api.audit.checks import RecordCheck

NAME = "tree"
SHOWN_DIGITS = 16
"""How much of the id of a key a detail shows."""


async def check_tree(history: Sequence[RecordedCommit], tree: CommitTreeReader) -> RecordCheck:
    """Check by an inclusion proof for each commit that it is the one that was signed. Later commits are counted."""
    signed = await tree.last_tree_head()
    if signed is None:
        return RecordCheck(NAME, True, "no head of the tree over all commits is signed")
    try:
        head = signed.head
    except InvalidNote as error:
        return RecordCheck(NAME, False, f"the signed head {signed.number} of the tree was changed: {error}")
    proved = [recorded for recorded in history if recorded.position <= head.size]
    proofs = {one.position: inclusion_ranges(one.position - 1, head.size) for one in proved}
    leaves = {one.position: LeafRange(one.position - 1, one.position) for one in proved}
    end = LeafRange(head.size - 1, head.size)
    tiles = await tree.hash_tiles(
        tiles_of([end, *leaves.values(), *(part for proof in proofs.values() for part in proof)])
    )
    try:
        range_root(end, tiles)
    except MissingHashes:  # such as after a restore of a backup, which has the heads alone
        return RecordCheck(
            NAME, True, "the tree over all commits is made again, and proves nothing until then"
        )
    at = f"{head.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    for recorded in proved:
        position, leaf = recorded.position, leaf_hash(recorded.raw)
        try:
            if range_root(leaves[position], tiles) != leaf:
                return RecordCheck(
                    NAME, False, f"position {position} is another commit than when it was added to the tree"
                )
            proof = [range_root(part, tiles) for part in proofs[position]]
            check_inclusion(leaf, position - 1, head.size, proof, head.root)
        except MissingHashes as error:
            return RecordCheck(NAME, False, f"the tree over all commits is damaged: {error}")
        except InvalidProof:
            return RecordCheck(
                NAME, False, f"position {position} is not in the tree whose head was signed {at}"
            )
    rest = f"; {len(history) - len(proved)} not signed yet" if len(proved) < len(history) else ""
    signer = f"head {signed.number}, signed {at} by key {signed.key.id[:SHOWN_DIGITS]}"
    return RecordCheck(NAME, True, f"{counted(len(proved), 'commit')} under {signer}{rest}")
