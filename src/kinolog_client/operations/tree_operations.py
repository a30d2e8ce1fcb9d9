"""Operations that read the tree over all commits: signed heads, tiles and proofs. Pure."""

from __future__ import annotations

from kinolog_client.http.operation import API_PREFIX, Operation, model_of
from kinolog_client.models.audit.erasures import ErasureCertificateInfo, ErasureListInfo
from kinolog_client.models.audit.tree import (
    ConsistencyInfo,
    InclusionInfo,
    ReadsProofInfo,
    TreeHeadInfo,
    TreeHeadListInfo,
    TreeTileInfo,
)

_ROUTE = f"{API_PREFIX}/audit/tree"


def tree_head() -> Operation[TreeHeadInfo]:
    """Return the last signed head of the tree over all commits. Raises `NotFound` until one is signed."""
    return Operation(method="GET", route=f"{_ROUTE}/head", read=model_of(TreeHeadInfo))


def tree_head_by_number(number: int) -> Operation[TreeHeadInfo]:
    """Return the signed head with a number. Raises `NotFound`."""
    return Operation(
        method="GET",
        route=f"{_ROUTE}/heads/{{number}}",
        path_values={"number": str(number)},
        read=model_of(TreeHeadInfo),
    )


def tree_heads(*, after: int = 0, limit: int = 100) -> Operation[TreeHeadListInfo]:
    """Return 1 to 100 signed heads after that with a number, each with the proof that it continues the one before."""
    params = {"after": str(after), "limit": str(limit)}
    return Operation(method="GET", route=f"{_ROUTE}/heads", params=params, read=model_of(TreeHeadListInfo))


def tree_tile(level: int, index: int, *, of: str = "commits") -> Operation[TreeTileInfo]:
    """Return a tile of the tree: 256 neighbouring hashes of a level, fewer at its end. Raises `NotFound`.

    `of` is commits, or reads for the tree over recorded reads.
    """
    return Operation(
        method="GET",
        route=f"{_ROUTE}/tiles/{{level}}/{{tile}}",
        path_values={"level": str(level), "tile": str(index)},
        params={} if of == "commits" else {"of": of},
        read=model_of(TreeTileInfo),
    )


def prove_position(position: int, *, tree_size: int = 0) -> Operation[InclusionInfo]:
    """Prove that a commit of the caller's tenant is in the tree of `tree_size` commits; 0: of the last signed head.

    Raises `NotFound`.
    """
    return Operation(
        method="GET",
        route=f"{_ROUTE}/inclusion/{{position}}",
        path_values={"position": str(position)},
        params={"tree_size": str(tree_size)},
        read=model_of(InclusionInfo),
    )


def prove_job(job_id: str, *, sequence: int = 0, tree_size: int = 0) -> Operation[InclusionInfo]:
    """Prove that a commit of a job is in the tree: the last one there, or the `sequence`-th, from 1.

    Raises `NotFound`.
    """
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/audit/{{job_id}}/inclusion",
        path_values={"job_id": job_id},
        params={"sequence": str(sequence), "tree_size": str(tree_size)},
        read=model_of(InclusionInfo),
    )


def prove_reads(batch: int) -> Operation[ReadsProofInfo]:
    """Prove that a batch of the tenant's recorded reads is in the tree of the last signed head. Raises `NotFound`."""
    return Operation(
        method="GET",
        route=f"{_ROUTE}/reads/{{batch}}",
        path_values={"batch": str(batch)},
        read=model_of(ReadsProofInfo),
    )


def prove_consistency(old_size: int, new_size: int = 0) -> Operation[ConsistencyInfo]:
    """Prove that the tree of `new_size` commits, 0 for that of the last signed head, begins with that of `old_size`."""
    return Operation(
        method="GET",
        route=f"{_ROUTE}/consistency/{{old_size}}",
        path_values={"old_size": str(old_size)},
        params={"new_size": str(new_size)},
        read=model_of(ConsistencyInfo),
    )


def erasures(
    *, after: int = 0, limit: int = 100, erasure_id: str = "", job_id: str = ""
) -> Operation[ErasureListInfo]:
    """Return 1 to 100 certificates of erasure after that with a number: all, of one erasure, or that name a job."""
    params = {"after": str(after), "limit": str(limit)}
    params |= {"erasure_id": erasure_id} if erasure_id else {}
    params |= {"job_id": job_id} if job_id else {}
    return Operation(
        method="GET", route=f"{API_PREFIX}/audit/erasures", params=params, read=model_of(ErasureListInfo)
    )


def erasure(number: int) -> Operation[ErasureCertificateInfo]:
    """Return a certificate of erasure with its signed text. Raises `NotFound`."""
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/audit/erasures/{{number}}",
        path_values={"number": str(number)},
        read=model_of(ErasureCertificateInfo),
    )
