"""The proof of a job's record: every check and its result."""

from __future__ import annotations

from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.responses.job_parts import ResponseModel


class CheckView(ResponseModel):
    """One check of a proof."""

    name: str = Field(
        description="hashes, chain, fold, endings, archive, seals or artifacts; only log if the log cannot be read "
        "to the job's end.",
        examples=["chain"],
    )
    holds: bool = Field(description="Whether the check passes.")
    detail: str = Field(
        description="How much was checked, or where the record is broken.",
        examples=["3 commits, 5 events; each names the hash of the one before"],
    )


class ProofView(ResponseModel):
    """Whether a job's record is complete and unaltered, check by check."""

    job_id: str
    valid: bool = Field(description="Whether every check passes.")
    checks: list[CheckView]


def proof_view(job_id: str, proof: audit.VerifyJobResponse) -> ProofView:
    """Return the api's proof of a job."""
    return ProofView(
        job_id=job_id,
        valid=proof.valid,
        checks=[CheckView(name=check.name, holds=check.holds, detail=check.detail) for check in proof.checks],
    )
