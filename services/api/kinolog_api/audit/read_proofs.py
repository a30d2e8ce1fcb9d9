"""ProveReads: that a batch of recorded reads is in the tree over reads of a signed head."""

from __future__ import annotations

from grpc import StatusCode

from kinolog.counts import counted
from kinolog.merkle.hash_tiles import tiles_of
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.leaf_range import LeafRange, inclusion_ranges
from kinolog.ports.tree.commit_tree import CommitTreeReader
from kinolog.reads.read_log import ReadHistory
from kinolog.v1 import audit_service_pb2 as pb
from kinolog_api.audit.commit_proofs import head_of, stated
from kinolog_api.audit.tree_roots import roots_over
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError


class ReadProofs:
    """ProveReads. The bytes of a batch are those of one tenant, which alone gets them."""

    def __init__(self, tree: CommitTreeReader, history: ReadHistory) -> None:
        self._tree = tree
        self._history = history

    async def prove_reads(self, request: pb.ProveReadsRequest, call: RpcCall) -> pb.ProveReadsResponse:
        """ProveReads. A batch of another tenant is answered as one that does not exist."""
        raw = await self._history.stored_batch(call.tenant, request.batch)
        if raw is None:
            message = f"there is no batch {request.batch} of recorded reads of yours"
            raise RpcError(StatusCode.NOT_FOUND, "READS_NOT_FOUND", message)
        last = await self._tree.last_tree_head()
        reads = stated(last).reads if last is not None else None
        if last is None or reads is None or reads.size < request.batch:
            batches = counted(reads.size if reads else 0, "batch", "batches")
            message = f"the last signed head has {batches} of reads; try again after the next one is signed"
            raise RpcError(StatusCode.OUT_OF_RANGE, "NOT_IN_TREE", message)
        index, leaf = request.batch - 1, leaf_hash(raw)
        wanted = [LeafRange(index, index + 1), *inclusion_ranges(index, reads.size)]
        own, *hashes = roots_over(wanted, await self._tree.read_tree_tiles(tiles_of(wanted)))
        if own != leaf:
            message = (
                f"batch {request.batch} of recorded reads is another one than when it was added to the tree"
            )
            raise RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", message)
        return pb.ProveReadsResponse(
            batch=request.batch,
            stored_batch=raw,
            leaf_hash=leaf.hex(),
            hashes=[hashed.hex() for hashed in hashes],
            head=head_of(last),
        )
