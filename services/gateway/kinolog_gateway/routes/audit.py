"""The route that proves a job's record."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.responses.proof import ProofView, proof_view
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, JobIdPath, json_response
from kinolog_gateway.upstream import PROOF_SECONDS

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=PROBLEMS)


@router.get("/{job_id}", response_model=ProofView, summary="Prove a job's record")
async def proof(job_id: JobIdPath, api: Api, caller: Caller) -> Response:
    """Check a job's commits, their copy in the archive, the key of its prompts, and every byte of its files.

    A failed check is a result, with valid false. What cannot be read is a problem. The files are read completely,
    which can take up to a minute.
    """
    request = audit.VerifyJobRequest(job_id=job_id)
    return json_response(
        proof_view(job_id, await api.call(api.audit.VerifyJob, request, caller, PROOF_SECONDS))
    )
