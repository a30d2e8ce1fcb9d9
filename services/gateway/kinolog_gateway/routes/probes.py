"""Routes for operators: health, readiness, metrics, and the OpenAPI and AsyncAPI documents."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from kinolog_gateway.http.metrics import CONTENT_TYPE, Metrics
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, json_response
from kinolog_gateway.websocket.asyncapi import asyncapi_document

router = APIRouter(tags=["operation"], responses=PROBLEMS)


class HealthView(BaseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"


class ReadyView(BaseModel):
    """Requests can be served."""

    status: Literal["ready"] = "ready"


@router.get("/health", response_model=HealthView, summary="Does the process run?")
async def health() -> Response:
    """Return 200 while the process runs, whatever the state of the api."""
    return json_response(HealthView())


@router.get("/ready", response_model=ReadyView, summary="Can it serve?")
async def ready(api: Api) -> Response:
    """Return 200 if the api is ready, else 503."""
    if not await api.is_serving():
        raise HttpProblemError(
            503,
            "API_UNAVAILABLE",
            "the api is not ready yet",
            headers={"Retry-After": "1"},
        )
    return json_response(ReadyView())


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}},
    summary="Prometheus metrics",
)
async def metrics(request: Request) -> Response:
    """Return requests, latency and WebSocket clients in the Prometheus text format."""
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
    return JSONResponse(request.app.openapi())


@router.get(
    "/asyncapi.json",
    response_class=JSONResponse,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    summary="The document of the WebSocket",
)
async def live_document() -> Response:
    """Return the AsyncAPI document of /ws."""
    return JSONResponse(asyncapi_document())
