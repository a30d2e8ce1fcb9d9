"""The tree over all commits: its signed heads, its tiles, and proofs of commits.

Heads, tiles and consistency proofs are hashes of the whole log, and whoever has a key may read them. The proof of a
commit has its bytes, and only its tenant may read it. See docs/decisions/0136.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from grpc import StatusCode

from kinolog.codec.times import time_to_proto
from kinolog.counts import counted
from kinolog.job.commit import RecordedCommit
from kinolog.merkle.hash_tiles import HashTileId, tiles_of
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.leaf_range import LeafRange, consistency_ranges, inclusion_ranges
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import InvalidNote
from kinolog.merkle.tree_head import ReadTreeHead, TreeHead
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.tree.commit_tree import CommitTreeReader, HeadPlace
from kinolog.v1 import audit_service_pb2 as pb
from kinolog_api.audit.history import JobHistory
from kinolog_api.audit.tree_roots import roots_over
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument

HEADS_PER_PAGE = 100


class CommitProofs:
    """GetTreeHead, ListTreeHeads, GetTreeTile, GetInclusionProof and GetConsistencyProof."""

    def __init__(self, store: EventStore, tree: CommitTreeReader, history: JobHistory) -> None:
        self._store = store
        self._tree = tree
        self._history = history

    async def get_head(self, request: pb.GetTreeHeadRequest, call: RpcCall) -> pb.GetTreeHeadResponse:
        """GetTreeHead."""
        if request.number:
            found = next(iter(await self._tree.tree_heads(request.number - 1, 1)), None)
        else:
            found = await self._tree.last_tree_head()
        if found is None or request.number not in (0, found.number):
            what = f"there is no head {request.number}" if request.number else "no head is signed yet"
            message = f"{what}, of the tree over all commits"
            raise RpcError(StatusCode.NOT_FOUND, "TREE_HEAD_NOT_FOUND", message)
        shows_places = not request.number and call.sees_load
        places = await self._tree.head_places() if shows_places else []
        return pb.GetTreeHeadResponse(head=head_of(found), places=map(_place, places))

    async def list_heads(self, request: pb.ListTreeHeadsRequest, call: RpcCall) -> pb.ListTreeHeadsResponse:
        """ListTreeHeads. The proof of each head continues the one before it."""
        limit = request.page_size or HEADS_PER_PAGE
        found = await self._tree.tree_heads(max(request.after - 1, 0), limit + 1)
        seen = next((stated(signed) for signed in found if signed.number <= request.after), None)
        before, reads_before = (seen.size, seen.reads) if seen else (0, None)
        found = [signed for signed in found if signed.number > request.after][:limit]
        sizes = [before, *(stated(signed).size for signed in found)]
        parts = [
            consistency_ranges(first, second) if first <= second else []
            for first, second in itertools.pairwise(sizes)
        ]
        roots = iter(await self._roots([part for ranges in parts for part in ranges]))
        heads = [
            head_of(signed, [next(roots) for _ in ranges])
            for signed, ranges in zip(found, parts, strict=True)
        ]
        await self._prove_reads(heads, [reads_before, *(stated(signed).reads for signed in found)])
        return pb.ListTreeHeadsResponse(heads=heads)

    async def _prove_reads(self, heads: Sequence[pb.TreeHead], trees: Sequence[ReadTreeHead | None]) -> None:
        """Fill in the proofs that the reads of each head continue those of the head before."""
        parts = [
            consistency_ranges(first.size, second.size)
            if first and second and first.origin == second.origin and first.size <= second.size
            else []
            for first, second in itertools.pairwise(trees)
        ]
        wanted = [part for ranges in parts for part in ranges]
        roots = iter(roots_over(wanted, await self._tree.read_tree_tiles(tiles_of(wanted)) if wanted else {}))
        for head, ranges in zip(heads, parts, strict=True):
            if ranges:
                head.reads.consistency[:] = [next(roots).hex() for _ in ranges]

    async def get_tile(self, request: pb.GetTreeTileRequest, call: RpcCall) -> pb.GetTreeTileResponse:
        """GetTreeTile. The last tile of a level grows."""
        tile = HashTileId(request.level, request.index)
        read = self._tree.read_tree_tiles if request.of_reads else self._tree.hash_tiles
        hashes = (await read([tile])).get(tile, b"")
        if not hashes:
            raise RpcError(
                StatusCode.NOT_FOUND,
                "TREE_TILE_NOT_FOUND",
                f"the tree over {'recorded reads' if request.of_reads else 'all commits'} has no tile {tile.index} of "
                f"level {tile.level}",
            )
        return pb.GetTreeTileResponse(hashes=hashes)

    async def prove_inclusion(
        self, request: pb.GetInclusionProofRequest, call: RpcCall
    ) -> pb.GetInclusionProofResponse:
        """GetInclusionProof. A commit of another tenant is answered as one that does not exist."""
        commits = await self._commits(request, call)
        last, size = await self._size(request.tree_size, "tree_size")
        recorded = next((one for one in reversed(commits) if one.position <= size), commits[0])
        position, leaf = recorded.position, leaf_hash(recorded.raw)
        if position > size:
            raise RpcError(
                StatusCode.OUT_OF_RANGE,
                "NOT_IN_TREE",
                f"position {position} is not in the tree of {counted(size, 'commit')}; try again after the next "
                f"head is signed",
                metadata={"tree_size": str(size)},
            )
        own, whole, *beside = await self._roots(
            [
                LeafRange(position - 1, position),
                LeafRange(0, size),
                *inclusion_ranges(position - 1, size),
            ]
        )
        if own != leaf:
            message = f"position {position} is another commit than when it was added to the tree"
            raise RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", message)
        return pb.GetInclusionProofResponse(
            position=position,
            job_id=recorded.commit.job_id,
            stored_commit=recorded.raw,
            leaf_hash=leaf.hex(),
            tree_size=size,
            root=whole.hex(),
            hashes=[hashed.hex() for hashed in beside],
            head=_optional_head(await self._signed(size, last)),
        )

    async def prove_consistency(
        self, request: pb.GetConsistencyProofRequest, call: RpcCall
    ) -> pb.GetConsistencyProofResponse:
        """GetConsistencyProof."""
        last, size = await self._size(request.new_size, "new_size")
        old = request.old_size
        if old > size:
            text = f"must be at most new_size, which is {size}"
            raise invalid_argument([RequestViolation("old_size", text)])
        earlier, later, *hashes = await self._roots(
            [LeafRange(0, old), LeafRange(0, size), *consistency_ranges(old, size)]
        )
        return pb.GetConsistencyProofResponse(
            old_size=old,
            old_root=earlier.hex(),
            new_size=size,
            new_root=later.hex(),
            hashes=[hashed.hex() for hashed in hashes],
            old_head=_optional_head(await self._signed(old, last)),
            new_head=_optional_head(await self._signed(size, last)),
        )

    async def _size(self, requested: int, field: str) -> tuple[SignedHead, int]:
        """Return the last signed head, and the size of the requested tree. Raises OUT_OF_RANGE for a larger one."""
        last = await self._tree.last_tree_head()
        if last is None:
            raise RpcError(
                StatusCode.FAILED_PRECONDITION,
                "NO_TREE_HEAD",
                "no head of the tree over all commits is signed yet",
            )
        signed = stated(last).size
        if requested > signed:
            message = f"{field}: the last signed tree has {counted(signed, 'commit')}, not {requested}"
            raise RpcError(
                StatusCode.OUT_OF_RANGE, "TREE_TOO_SMALL", message, metadata={"tree_size": str(signed)}
            )
        return last, requested or signed

    async def _signed(self, size: int, last: SignedHead) -> SignedHead | None:
        """Return a signed head of the tree of so many commits: the last head if it is one."""
        return last if stated(last).size == size else await self._tree.tree_head_of_size(size)

    async def _commits(self, request: pb.GetInclusionProofRequest, call: RpcCall) -> Sequence[RecordedCommit]:
        """Return the requested commit, or all of a job of which the last one in the tree is requested."""
        match request.WhichOneof("commit"):
            case "job_id":
                history = await self._history.commits_of(request.job_id, call)
                if request.sequence > len(history):
                    commits = counted(len(history), "commit")
                    message = f"job {request.job_id} has {commits}, no commit {request.sequence}"
                    raise RpcError(
                        StatusCode.NOT_FOUND,
                        "COMMIT_NOT_FOUND",
                        message,
                        metadata={"commits": str(len(history))},
                    )
                return [history[request.sequence - 1]] if request.sequence else history
            case "position":
                return [await self._commit_at(request.position, call)]
            case _:
                text = "must have a position or a job_id"
                raise invalid_argument([RequestViolation("commit", text)])

    async def _commit_at(self, position: int, call: RpcCall) -> RecordedCommit:
        missing = RpcError(
            StatusCode.NOT_FOUND, "COMMIT_NOT_FOUND", f"there is no commit of yours at position {position}"
        )
        if position > await self._store.last_position():
            raise missing
        try:
            found = [one async for batch in self._store.read(position - 1, position) for one in batch]
        except DamagedLog:  # which names the job, perhaps of another tenant
            message = f"the log is damaged at position {position}"
            raise RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", message) from None
        if not found or found[0].commit.tenant != call.tenant:
            raise missing
        return found[0]

    async def _roots(self, ranges: Sequence[LeafRange]) -> list[bytes]:
        """Return the roots over ranges of leaves. Raises UNAVAILABLE while the tree is made again."""
        tiles = await self._tree.hash_tiles(tiles_of(ranges))
        return roots_over(ranges, tiles)


def stated(signed: SignedHead) -> TreeHead:
    """Return what was signed. Raises DATA_LOSS."""
    try:
        return signed.head
    except InvalidNote as error:
        message = f"the signed head {signed.number} of the tree was changed: {error}"
        raise RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", message) from error


def _optional_head(signed: SignedHead | None) -> pb.TreeHead | None:
    return None if signed is None else head_of(signed)


def _place(place: HeadPlace) -> pb.HeadPlace:
    wire = pb.HeadPlace(name=place.name, number=place.number, has_receipt=place.has_receipt)
    time_to_proto(wire.sent_at, place.sent_at)
    return wire


def head_of(signed: SignedHead, proof: Sequence[bytes] = ()) -> pb.TreeHead:
    """Return a head for clients."""
    whole = stated(signed)
    wire = pb.TreeHead(
        number=signed.number,
        origin=whole.origin,
        size=whole.size,
        root=whole.root.hex(),
        key_id=signed.key.id,
        key=signed.key.public.hex(),
        note=signed.note,
        consistency=[hashed.hex() for hashed in proof],
    )
    time_to_proto(wire.signed_at, whole.at)
    if whole.reads is not None:
        wire.reads.origin, wire.reads.size = whole.reads.origin, whole.reads.size
        wire.reads.root = whole.reads.root.hex()
    return wire
