"""The route that proves: whether a job's record is complete and untouched."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.responses.proof import ProofView, proof_view
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Asker, JobIdPath, answer
from kinolog_gateway.upstream import PROOF_SECONDS

router = APIRouter(prefix="/mcp/audit", tags=["audit"], responses=PROBLEMS)


@router.get("/{job_id}", response_model=ProofView, summary="Prove a job's record")
async def proof(job_id: JobIdPath, api: Api, asker: Asker) -> Response:
    """Check a job's commits, their copy in the archive, the key of its prompts, and every byte of its files.

    What does not hold is an answer, with valid false; what cannot be reached is a problem. The files are read
    whole, so that it takes as long as that takes.
    """
    request = audit.VerifyJobRequest(job_id=job_id)
    return answer(proof_view(job_id, await api.call(api.audit.VerifyJob, request, asker, PROOF_SECONDS)))
