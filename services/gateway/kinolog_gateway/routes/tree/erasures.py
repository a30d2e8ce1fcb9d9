"""Routes of certificates of erasure."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.http import text_patterns
from kinolog_gateway.responses.tree.erasures import (
    ErasureCertificateView,
    ErasureListView,
    erasure_certificate_view,
    erasure_list_view,
)
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=PROBLEMS)

MOST = 2**63 - 1
Id: TypeAlias = Annotated[
    str, Query(pattern=text_patterns.ID_OR_NONE, description="Only those of this erasure.")
]
OfJob: TypeAlias = Annotated[
    str, Query(pattern=text_patterns.ID_OR_NONE, description="Only those that name this job.")
]


@router.get("/erasures", response_model=ErasureListView, summary="Certificates of erasure")
async def erasures(
    api: Api,
    caller: Caller,
    after: Annotated[
        int, Query(ge=0, le=MOST, description="Number of the certificate before the first one.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Most certificates in the answer.")] = 100,
    erasure_id: Id = "",
    job_id: OfJob = "",
) -> Response:
    """List the certificates of erasures, oldest first. One is signed after the next head of the tree."""
    request = audit.ListErasuresRequest(
        after=after, page_size=limit, erasure_id=erasure_id, named_job_id=job_id
    )
    return json_response(erasure_list_view(await api.call(api.audit.ListErasures, request, caller)))


@router.get("/erasures/{number}", response_model=ErasureCertificateView, summary="A certificate of erasure")
async def erasure(
    number: Annotated[int, Path(ge=1, le=MOST, description="Number of the certificate.")],
    api: Api,
    caller: Caller,
) -> Response:
    """Read a certificate of erasure with its signed text."""
    request = audit.GetErasureRequest(number=number)
    answer = await api.call(api.audit.GetErasure, request, caller)
    return json_response(erasure_certificate_view(answer.certificate))
