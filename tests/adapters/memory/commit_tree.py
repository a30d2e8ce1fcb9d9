"""The tree over all commits in memory, as a test makes it."""

from __future__ import annotations

from collections.abc import Collection

from kinolog.merkle.erasure_certificate import SignedCertificate
from kinolog.merkle.hash_tiles import HashTileId
from kinolog.merkle.signed_head import SignedHead
from kinolog.ports.tree.commit_tree import HeadPlace
from kinolog.ports.tree.verification_progress import VerificationProgress


class MemoryCommitTree:
    """The heads and the tiles that a test stores."""

    def __init__(self) -> None:
        self.signed_heads: list[SignedHead] = []
        self.tree_tiles: dict[HashTileId, bytes] = {}
        self.tiles_of_reads: dict[HashTileId, bytes] = {}
        self.certificates: list[SignedCertificate] = []
        self.progress: VerificationProgress | None = None
        self.places: list[HeadPlace] = []

    async def erasure_certificates(
        self, tenant: str, *, after: int = 0, limit: int = 100, erasure_id: str = "", job_id: str = ""
    ) -> list[SignedCertificate]:
        found = []
        for signed in self.certificates:
            stated = signed.certificate
            if (
                stated.tenant == tenant
                and signed.number > after
                and stated.erasure_id == (erasure_id or stated.erasure_id)
                and (not job_id or job_id in [job.job_id for job in stated.jobs])
            ):
                found.append(signed)
        return found[:limit]

    async def verification_progress(self) -> VerificationProgress | None:
        return self.progress

    async def last_tree_head(self) -> SignedHead | None:
        return self.signed_heads[-1] if self.signed_heads else None

    async def tree_heads(self, after: int, limit: int) -> list[SignedHead]:
        return [signed for signed in self.signed_heads if signed.number > after][:limit]

    async def tree_head_of_size(self, size: int) -> SignedHead | None:
        return next((signed for signed in self.signed_heads if signed.head.size == size), None)

    async def head_places(self) -> list[HeadPlace]:
        return self.places

    async def hash_tiles(self, tiles: Collection[HashTileId]) -> dict[HashTileId, bytes]:
        return {tile: self.tree_tiles[tile] for tile in tiles if tile in self.tree_tiles}

    async def read_tree_tiles(self, tiles: Collection[HashTileId]) -> dict[HashTileId, bytes]:
        return {tile: self.tiles_of_reads[tile] for tile in tiles if tile in self.tiles_of_reads}
