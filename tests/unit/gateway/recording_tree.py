"""What the recording api answers for the tree: that of twenty made-up commits, with three signed heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kinolog.codec.times import time_to_proto
from kinolog.merkle.hash_tiles import GrowingTree, HashTileId, range_root
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.leaf_range import LeafRange, consistency_ranges, inclusion_ranges
from kinolog.v1 import access_pb2 as access
from kinolog.v1 import audit_service_pb2 as audit
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.merkle.published_heads import COMMITS, published

HEADS = published([3, 8, 20])
TILES = GrowingTree().append(map(leaf_hash, COMMITS))


def _head(number: int) -> audit.TreeHead:
    found = HEADS[number - 1]
    stated = found.signed.head
    wire = audit.TreeHead(
        number=number,
        origin=stated.origin,
        size=stated.size,
        root=stated.root.hex(),
        key_id=found.signed.key.id,
        key=found.signed.key.public.hex(),
        note=found.signed.note,
    )
    time_to_proto(wire.signed_at, stated.at)
    return wire


def _linked(number: int) -> audit.TreeHead:
    wire = _head(number)
    wire.consistency.extend(hashed.hex() for hashed in HEADS[number - 1].proof)
    return wire


def _of_size(size: int) -> audit.TreeHead | None:
    return next((_head(one.signed.number) for one in HEADS if one.signed.head.size == size), None)


def _roots(ranges: Sequence[LeafRange]) -> list[str]:
    return [range_root(part, TILES).hex() for part in ranges]


def get_head(api: RecordingApi, request: audit.GetTreeHeadRequest) -> audit.GetTreeHeadResponse:
    """Return a head, and beside the last one a place that has the one before."""
    place = audit.HeadPlace(name="s3://bucket/heads", number=2, has_receipt=True)
    time_to_proto(place.sent_at, HEADS[1].signed.head.at)
    places = [] if request.number else [place]
    return audit.GetTreeHeadResponse(head=_head(request.number or len(HEADS)), places=places)


def list_heads(api: RecordingApi, request: audit.ListTreeHeadsRequest) -> audit.ListTreeHeadsResponse:
    """Return the heads after a number."""
    numbers = [one.signed.number for one in HEADS if one.signed.number > request.after]
    return audit.ListTreeHeadsResponse(heads=map(_linked, numbers[: request.page_size]))


def prove_inclusion(
    api: RecordingApi, request: audit.GetInclusionProofRequest
) -> audit.GetInclusionProofResponse:
    """Return the proof of the commit at the position of one of the job, whose bytes are made up."""
    size = request.tree_size or len(COMMITS)
    position = request.position
    if request.job_id:
        api.get(request.job_id)
        positions = [u.position for u in api.log if u.job.id == request.job_id and u.position <= size]
        position = positions[request.sequence - 1]
    return audit.GetInclusionProofResponse(
        position=position,
        job_id=request.job_id or "a" * 26,
        stored_commit=COMMITS[position - 1],
        leaf_hash=leaf_hash(COMMITS[position - 1]).hex(),
        tree_size=size,
        root=_roots([LeafRange(0, size)])[0],
        hashes=_roots(inclusion_ranges(position - 1, size)),
        head=_of_size(size),
    )


def prove_consistency(
    api: RecordingApi, request: audit.GetConsistencyProofRequest
) -> audit.GetConsistencyProofResponse:
    """Return the proof that a tree begins with an earlier one."""
    old, new = request.old_size, request.new_size or len(COMMITS)
    roots = _roots([LeafRange(0, old), LeafRange(0, new)])
    return audit.GetConsistencyProofResponse(
        old_size=old,
        old_root=roots[0],
        new_size=new,
        new_root=roots[1],
        hashes=_roots(consistency_ranges(old, new)),
        old_head=_of_size(old),
        new_head=_of_size(new),
    )


def _erasure(number: int, note: str) -> audit.ErasureCertificate:
    """Return a certificate whose text is made up: the gateway passes it on."""
    wire = audit.ErasureCertificate(
        number=number,
        erasure_id="e" * 26,
        actor="ada",
        jobs=2,
        files=6,
        head_number=3,
        tree_size=20,
        key_id=HEADS[2].signed.key.id,
        key=HEADS[2].signed.key.public.hex(),
        note=note,
    )
    for time in (wire.first_erased_at, wire.last_erased_at, wire.issued_at):
        time_to_proto(time, HEADS[2].signed.head.at)
    return wire


def _verification(state: audit.VerificationState.ValueType, **fields: Any) -> audit.Verification:
    wire = audit.Verification(verification_id="v" * 26, state=state, started_by="ada", **fields)
    time_to_proto(wire.started_at, HEADS[2].signed.head.at)
    if state == audit.VERIFICATION_STATE_RUNNING:
        wire.progress.commits, wire.progress.all_commits, wire.progress.jobs = 3, 20, 1
    else:
        time_to_proto(wire.ended_at, HEADS[2].signed.head.at)
    return wire


def _differing() -> audit.Verification:
    """Return the comparison that found another seed in the lists."""
    whole = access.ComparedPart(name="reads", count=2, unit="batch", holds=True)
    wrong = access.ComparedPart(
        name="lists", count=7, unit="job", position=3, job_id="a" * 26, detail="lists show another seed"
    )
    state = audit.VERIFICATION_STATE_DIFFERS
    return _verification(state, position=20, seconds=1.5, parts=[whole, wrong])


TREE: dict[str, Callable[..., Any]] = {
    "GetTreeHead": get_head,
    "ListTreeHeads": list_heads,
    "GetTreeTile": lambda api, request: audit.GetTreeTileResponse(
        hashes=TILES[HashTileId(request.level, request.index)]
    ),
    "GetInclusionProof": prove_inclusion,
    "ListErasures": lambda api, request: audit.ListErasuresResponse(
        certificates=[_erasure(number, "") for number in (1, 2) if number > request.after]
    ),
    "GetErasure": lambda api, request: audit.GetErasureResponse(
        certificate=_erasure(request.number, "a signed text\n")
    ),
    "GetConsistencyProof": prove_consistency,
    "ProveReads": lambda api, request: audit.ProveReadsResponse(
        batch=request.batch, stored_batch=b"a batch", leaf_hash="ab", hashes=["cd"], head=_head(len(HEADS))
    ),
    "StartVerification": lambda api, request: audit.StartVerificationResponse(
        verification=_verification(audit.VERIFICATION_STATE_RUNNING, files=request.files)
    ),
    "CancelVerification": lambda api, request: audit.CancelVerificationResponse(
        verification=_verification(audit.VERIFICATION_STATE_CANCELLED, cancelled_by="bob")
    ),
    "ListVerifications": lambda api, request: audit.ListVerificationsResponse(
        verifications=[] if request.after else [_differing()]
    ),
    "GetVerification": lambda api, request: audit.GetVerificationResponse(verification=_differing()),
}
