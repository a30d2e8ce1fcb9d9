"""Routes for operators: health, readiness, metrics, and the OpenAPI and AsyncAPI documents."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from kinolog_gateway.http.edge.public_path import public_prefix
from kinolog_gateway.http.metrics import CONTENT_TYPE, Metrics
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.responses.alarms import AlarmView, alarms_view
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response
from kinolog_gateway.websocket.asyncapi import SECURITY, asyncapi_document

router = APIRouter(tags=["operation"], responses=PROBLEMS)


class HealthView(BaseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"


class ReadyView(BaseModel):
    """Whether requests can be served, and the troubles that stand. Reads are served while it refuses writes."""

    status: Literal["ready", "refusing writes"] = "ready"
    detail: str = Field("", description="Why writes are refused, or live updates pause, and what to do.")
    alarms: list[AlarmView] = Field(default_factory=list)


@router.get("/health", response_model=HealthView, summary="Does the process run?")
async def health() -> Response:
    """Return 200 while the process runs, whatever the state of the api."""
    return json_response(HealthView())


@router.get("/ready", response_model=ReadyView, summary="Can it serve?")
async def ready(request: Request, api: Api) -> Response:
    """Return 200 if the api is ready and accepts new jobs, else 503."""
    if not await api.is_serving():
        missing = await api.missing_parts()
        cause = f": it waits for its {' and its '.join(missing)}" if missing else ""
        raise HttpProblemError(
            503,
            "API_UNAVAILABLE",
            f"the api is not ready yet{cause}",
            headers={"Retry-After": "1"},
        )
    found = alarms_view(await api.alarms()).alarms
    refusing = [alarm.text for alarm in found if alarm.severity == "refuse_writes"]
    if not refusing:
        return json_response(ReadyView(detail=_live_detail(request), alarms=found))
    view = ReadyView(status="refusing writes", detail=" ".join(refusing), alarms=found)
    response = json_response(view)
    response.status_code = 503
    response.headers["Retry-After"] = "10"
    return response


def _live_detail(request: Request) -> str:
    """Return that live updates pause; empty if they do not. REST calls may work all the same.

    /metrics has the number of streams: how many tenants there are concerns operators only.
    """
    metrics: Metrics = request.app.state.metrics
    paused = "live updates pause: a stream from the api is broken and is opened again"
    return paused if metrics.live.paused_streams else ""


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}},
    summary="Prometheus metrics",
)
async def metrics(request: Request, caller: Caller) -> Response:
    """Return requests, latency and WebSocket clients in the Prometheus text format.

    They are those of all tenants, so a key of one tenant is refused.
    """
    if caller.tenant:
        detail = (
            "metrics count what all tenants do: use a key that is valid for every tenant (* in the key file)"
        )
        raise HttpProblemError(403, "OTHER_TENANT", detail)
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.page(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})


@router.get(
    "/openapi.json",
    response_class=JSONResponse,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    summary="This document",
)
async def openapi_document(request: Request) -> Response:
    """Return the OpenAPI document of these routes."""
    servers = [{"url": public_prefix() or "/", "description": "This gateway."}]
    return JSONResponse({**request.app.openapi(), "servers": servers})


@router.get(
    "/asyncapi.json",
    response_class=JSONResponse,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    summary="The document of the WebSocket",
)
async def live_document(request: Request) -> Response:
    """Return the AsyncAPI document of /ws."""
    address = request.base_url
    server: dict[str, Any] = {
        "host": address.netloc,
        "protocol": "wss" if address.is_secure else "ws",
        "description": "This gateway.",
    }
    if prefix := public_prefix():
        server["pathname"] = prefix
    server |= SECURITY
    return JSONResponse({**asyncapi_document(), "servers": {"gateway": server}})
