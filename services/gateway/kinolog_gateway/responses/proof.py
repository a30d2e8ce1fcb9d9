"""What was found when a job's record was checked."""

from __future__ import annotations

from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.responses.job_parts import ResponseModel


class CheckView(ResponseModel):
    """One thing that was checked."""

    name: str = Field(
        description="What: hashes, chain, fold, endings, archive, seals, artifacts; log alone when the log "
        "cannot be read to the job's end.",
        examples=["chain"],
    )
    holds: bool = Field(description="Whether it holds.")
    detail: str = Field(
        description="What was found: how much was looked at, or where it is broken.",
        examples=["3 commits, 5 events; each names the hash of the one before"],
    )


class ProofView(ResponseModel):
    """Whether a job's record is complete and untouched, check by check."""

    job_id: str
    valid: bool = Field(description="Whether every check holds.")
    checks: list[CheckView]


def proof_view(job_id: str, proof: audit.VerifyJobResponse) -> ProofView:
    """What the api found."""
    return ProofView(
        job_id=job_id,
        valid=proof.valid,
        checks=[CheckView(name=check.name, holds=check.holds, detail=check.detail) for check in proof.checks],
    )
