"""Routes of the tree over all commits: its signed heads, its tiles, and proofs of commits."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.responses.tree.tree_proofs import (
    ConsistencyView,
    InclusionView,
    LastTreeHeadView,
    ReadsProofView,
    TreeHeadListView,
    TreeHeadView,
    TreeTileView,
    consistency_view,
    inclusion_view,
    last_tree_head_view,
    reads_proof_view,
    tree_head_view,
    tree_heads_view,
    tree_tile_view,
)
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, JobIdPath, json_response

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=PROBLEMS)

MOST = 2**63 - 1
TreeSize: TypeAlias = Annotated[
    int,
    Query(
        ge=0, le=MOST, description="Number of commits in the tree. 0 means the tree of the last signed head."
    ),
]


@router.get("/tree/head", response_model=LastTreeHeadView, summary="The last signed head")
async def tree_head(api: Api, caller: Caller) -> Response:
    """Read the last signed head of the tree over all commits, and who else has heads. 404 until one is signed."""
    answer = await api.call(api.audit.GetTreeHead, audit.GetTreeHeadRequest(), caller)
    return json_response(last_tree_head_view(answer))


@router.get("/tree/heads", response_model=TreeHeadListView, summary="Signed heads")
async def tree_heads(
    api: Api,
    caller: Caller,
    after: Annotated[int, Query(ge=0, le=MOST, description="Number of the head before the first one.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Most heads in the answer.")] = 100,
) -> Response:
    """Read signed heads of the tree, oldest first, each with the proof that it continues the one before."""
    request = audit.ListTreeHeadsRequest(after=after, page_size=limit)
    return json_response(tree_heads_view(await api.call(api.audit.ListTreeHeads, request, caller)))


@router.get("/tree/heads/{number}", response_model=TreeHeadView, summary="A signed head")
async def tree_head_by_number(
    number: Annotated[int, Path(ge=1, le=MOST, description="Number of the head.")], api: Api, caller: Caller
) -> Response:
    """Read the signed head with a number."""
    answer = await api.call(api.audit.GetTreeHead, audit.GetTreeHeadRequest(number=number), caller)
    return json_response(tree_head_view(answer.head))


@router.get("/tree/tiles/{level}/{tile}", response_model=TreeTileView, summary="A tile of the tree")
async def tree_tile(
    level: Annotated[int, Path(ge=0, le=7, description="Level of the tile, 0 for hashes of commits.")],
    tile: Annotated[int, Path(ge=0, le=2**55 - 1, description="Number of the tile in its level, from 0.")],
    api: Api,
    caller: Caller,
    of: Annotated[
        Literal["commits", "reads"],
        Query(description="Of the tree over all commits, or over recorded reads."),
    ] = "commits",
) -> Response:
    """Read a tile of the tree: 256 neighbouring hashes of a level. The last one of a level has fewer, and grows."""
    request = audit.GetTreeTileRequest(level=level, index=tile, of_reads=of == "reads")
    return json_response(tree_tile_view(level, tile, await api.call(api.audit.GetTreeTile, request, caller)))


@router.get(
    "/tree/consistency/{old_size}",
    response_model=ConsistencyView,
    summary="Prove that a tree continues another",
)
async def tree_consistency(
    old_size: Annotated[int, Path(ge=1, le=MOST, description="Number of commits in the earlier tree.")],
    api: Api,
    caller: Caller,
    new_size: TreeSize = 0,
) -> Response:
    """Prove that the tree of `new_size` commits begins with that of `old_size`."""
    request = audit.GetConsistencyProofRequest(old_size=old_size, new_size=new_size)
    return json_response(consistency_view(await api.call(api.audit.GetConsistencyProof, request, caller)))


@router.get("/tree/inclusion/{position}", response_model=InclusionView, summary="Prove a commit")
async def tree_inclusion(
    position: Annotated[int, Path(ge=1, le=MOST, description="Position of a commit of the caller's tenant.")],
    api: Api,
    caller: Caller,
    tree_size: TreeSize = 0,
) -> Response:
    """Prove that the commit at a position is in the tree."""
    request = audit.GetInclusionProofRequest(position=position, tree_size=tree_size)
    return json_response(inclusion_view(await api.call(api.audit.GetInclusionProof, request, caller)))


@router.get("/tree/reads/{batch}", response_model=ReadsProofView, summary="Prove recorded reads")
async def tree_reads(
    batch: Annotated[
        int, Path(ge=1, le=MOST, description="Number of a batch of the tenant's recorded reads.")
    ],
    api: Api,
    caller: Caller,
) -> Response:
    """Prove that a batch of recorded reads is in the tree over reads of the last signed head."""
    request = audit.ProveReadsRequest(batch=batch)
    return json_response(reads_proof_view(await api.call(api.audit.ProveReads, request, caller)))


@router.get("/{job_id}/inclusion", response_model=InclusionView, summary="Prove a commit of a job")
async def job_inclusion(
    job_id: JobIdPath,
    api: Api,
    caller: Caller,
    sequence: Annotated[
        int,
        Query(
            ge=0, lt=2**32, description="Which commit of the job, from 1. 0 means the last one in the tree."
        ),
    ] = 0,
    tree_size: TreeSize = 0,
) -> Response:
    """Prove that a commit of a job is in the tree. The last one names all earlier ones of the job by their hashes."""
    request = audit.GetInclusionProofRequest(job_id=job_id, sequence=sequence, tree_size=tree_size)
    return json_response(inclusion_view(await api.call(api.audit.GetInclusionProof, request, caller)))
