"""The tree over recorded reads in signed heads: what a head states of it, and that it continues the head before."""

from __future__ import annotations

import logging

from kinolog.counts import counted
from kinolog.merkle.proofs import InvalidProof, check_consistency
from kinolog.merkle.tree_head import ReadTreeHead, reads_origin_of
from kinolog.process.logs import fields
from kinolog_projector.tree.commit_tree import CommitTree, DamagedTree

logger = logging.getLogger(__name__)


class SignedReads:
    """What heads state of the tree over reads."""

    def __init__(self, tree: CommitTree) -> None:
        self.tree = tree

    def has_more(self, stated: ReadTreeHead | None) -> bool:
        """Return whether there are batches that a head does not state."""
        return self.tree.size > (stated.size if stated else 0)

    async def check(self, stated: ReadTreeHead | None) -> None:
        """Check that the tree begins with what a head states. Raises `DamagedTree`.

        A record that was begun again, as when the database was lost, is another one, and the heads show that.
        """
        if stated is None or not await self._is_same(stated):
            return
        if stated.size > self.tree.size:
            batches = counted(stated.size, "batch", "batches")
            raise DamagedTree(
                f"a head of {batches} of recorded reads was signed, but there are {self.tree.size}"
            )
        if await self.tree.root(stated.size) != stated.root:
            batches = counted(stated.size, "batch", "batches")
            raise DamagedTree(f"the first {batches} of recorded reads are not those of the signed head")

    async def head(self, before: ReadTreeHead | None) -> ReadTreeHead | None:
        """Return what the next head states; None if nothing is recorded. Raises `DamagedTree`."""
        if not self.tree.size:
            if before is not None:
                self._warn(before)
            return None
        head = ReadTreeHead(
            origin=reads_origin_of(await self.tree.root(1)),
            size=self.tree.size,
            root=await self.tree.root(self.tree.size),
        )
        if before is None:
            return head
        if before.origin != head.origin:
            self._warn(before)
            return head
        if before.size > head.size:
            await self.check(before)
        proof = await self.tree.consistency_proof(before.size, head.size)
        try:
            check_consistency(before.size, before.root, head.size, head.root, proof)
        except InvalidProof as error:
            raise DamagedTree(
                f"the record of {counted(head.size, 'batch', 'batches')} of reads does not continue the signed head: "
                f"{error}"
            ) from error
        return head

    async def _is_same(self, stated: ReadTreeHead) -> bool:
        return self.tree.size > 0 and reads_origin_of(await self.tree.root(1)) == stated.origin

    @staticmethod
    def _warn(before: ReadTreeHead) -> None:
        logger.warning(
            "the record of reads was begun again: heads of %s of it were signed before",
            counted(before.size, "batch", "batches"),
            extra=fields("tree_reads"),
        )
