"""The route for what a tenant uses and may use."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from kinolog.v1 import access_service_pb2 as pb
from kinolog_gateway.responses.usage import UsageView
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix="/api/v1", tags=["keys"], responses=PROBLEMS)


@router.get("/usage", response_model=UsageView, summary="What the tenant uses")
async def usage(api: Api, caller: Caller) -> Response:
    """Return what the caller's tenant uses and what it may use. Needs the scope `read`."""
    answer = await api.call(api.access.GetUsage, pb.GetUsageRequest(), caller)
    return json_response(UsageView.of(answer))
