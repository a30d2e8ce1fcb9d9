"""Routes of comparisons of everything that is stored, for operators."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Body, Path, Query
from starlette.responses import Response

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.enum_names import FILE_CHECK_NUMBERS
from kinolog_gateway.http import text_patterns
from kinolog_gateway.requests.verifications import StartVerificationBody
from kinolog_gateway.responses.tree.verifications import (
    VerificationListView,
    VerificationView,
    verification_list_view,
    verification_view,
)
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix="/api/v1/audit/verifications", tags=["audit"], responses=PROBLEMS)

VerificationId: TypeAlias = Annotated[
    str, Path(pattern=text_patterns.ID, description="Id of the comparison.")
]


@router.get("", response_model=VerificationListView, summary="Comparisons of everything")
async def verifications(
    api: Api,
    caller: Caller,
    after: Annotated[
        str,
        Query(
            pattern=text_patterns.ID_OR_NONE,
            description="Id of the comparison before the first one: `next_after` of the page before.",
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="Most comparisons in the answer.")] = 100,
) -> Response:
    """List comparisons of everything with their results, newest first. For operators."""
    request = audit.ListVerificationsRequest(page_size=limit, after=after)
    return json_response(verification_list_view(await api.call(api.audit.ListVerifications, request, caller)))


@router.post("", status_code=202, response_model=VerificationView, summary="Start a comparison of everything")
async def start_verification(
    api: Api, caller: Caller, body: Annotated[StartVerificationBody | None, Body()] = None
) -> Response:
    """Start a comparison of everything, which goes on by itself. One goes on at a time. For operators."""
    files = (body or StartVerificationBody()).files
    request = audit.StartVerificationRequest(files=FILE_CHECK_NUMBERS[files])
    answer = await api.call(api.audit.StartVerification, request, caller)
    return json_response(verification_view(answer.verification), status=202)


@router.get("/{verification_id}", response_model=VerificationView, summary="A comparison of everything")
async def verification(verification_id: VerificationId, api: Api, caller: Caller) -> Response:
    """Read a comparison of everything: its result, or how far it is. For operators."""
    request = audit.GetVerificationRequest(verification_id=verification_id)
    answer = await api.call(api.audit.GetVerification, request, caller)
    return json_response(verification_view(answer.verification))


@router.post(
    "/{verification_id}/cancel", response_model=VerificationView, summary="Cancel a comparison of everything"
)
async def cancel_verification(verification_id: VerificationId, api: Api, caller: Caller) -> Response:
    """Cancel a comparison that goes on. One that was cancelled before stays as it is. For operators."""
    request = audit.CancelVerificationRequest(verification_id=verification_id)
    answer = await api.call(api.audit.CancelVerification, request, caller)
    return json_response(verification_view(answer.verification))
