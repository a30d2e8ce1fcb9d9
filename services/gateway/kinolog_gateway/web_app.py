"""The web application: routes, middleware, errors in one shape, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from grpc.aio import AioRpcError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route, WebSocketRoute

from kinolog.ports.clock import Clock
from kinolog_gateway.compatibility.error_shapes import ErrorShapes
from kinolog_gateway.compatibility.key_headers import KeyHeader, KeyHeaders
from kinolog_gateway.event_stream.endpoint import router as event_stream_router
from kinolog_gateway.fal import queue
from kinolog_gateway.http import grpc_errors, request_errors
from kinolog_gateway.http.callers import Callers
from kinolog_gateway.http.credentials import ApiKeys
from kinolog_gateway.http.edge.head_requests import HeadRequests
from kinolog_gateway.http.edge.page_navigation import PageNavigation
from kinolog_gateway.http.edge.surroundings import COMPRESSION, DIRECT, Surroundings
from kinolog_gateway.http.metrics import Metrics
from kinolog_gateway.http.middleware import PAGE_PATHS, KnownConnection, RequestMiddleware, RequestTelemetry
from kinolog_gateway.http.openapi import openapi_document
from kinolog_gateway.http.problems import HttpProblemError, respond
from kinolog_gateway.live.tenant_broadcasts import TenantBroadcasts
from kinolog_gateway.mcp.endpoint import McpService
from kinolog_gateway.mcp.endpoint import router as mcp_router
from kinolog_gateway.mcp.job_waits import JobWaits
from kinolog_gateway.openai import creation, derivation, models, videos
from kinolog_gateway.openai.error_shape import openai_error
from kinolog_gateway.replicate import predictions
from kinolog_gateway.routes import (
    audit,
    bulk,
    catalogue,
    charts,
    commands,
    exports,
    inputs,
    jobs,
    pages,
    probes,
    results,
)
from kinolog_gateway.routes.access import (
    keys,
    queue_pauses,
    schedules,
    tickets,
    usage,
    webhook_calls,
    webhooks,
)
from kinolog_gateway.routes.audit_exports import bundle as audit_bundle
from kinolog_gateway.routes.audit_exports import events as audit_events
from kinolog_gateway.routes.live_video import stream
from kinolog_gateway.routes.live_video.current_reads import CurrentReads
from kinolog_gateway.routes.search import questions
from kinolog_gateway.routes.tree import erasures, tree_proofs, verifications
from kinolog_gateway.upstream import Upstream, identify, redeem
from kinolog_gateway.veo import operations
from kinolog_gateway.veo.error_shape import google_error
from kinolog_gateway.web_page.built_page import WEB_FILES, BuiltPage
from kinolog_gateway.web_page.endpoint import lost_page
from kinolog_gateway.web_page.endpoint import router as web_page_router
from kinolog_gateway.websocket.endpoint import router as websocket_router

ROUTERS = (
    questions.router,
    commands.router,
    bulk.router,
    jobs.router,
    audit_events.router,  # before the route that takes any name for the id of a job
    audit_bundle.router,
    erasures.router,
    verifications.router,
    audit.router,
    tree_proofs.router,
    results.router,
    inputs.router,
    exports.router,
    stream.router,
    charts.router,
    catalogue.router,
    keys.router,
    usage.router,
    tickets.router,
    schedules.router,
    queue_pauses.router,
    webhooks.router,
    probes.router,
    pages.router,
    web_page_router,
    creation.router,
    derivation.router,
    videos.router,
    models.router,
    predictions.router,
    queue.router,
    operations.router,
    event_stream_router,
    websocket_router,
    mcp_router,
)
"""Every router that is served."""


def _served_routes() -> list[BaseRoute]:
    """Return the routes of every router. The name of its function is the operation id of a route.

    An application that includes routers makes their routes again, in the first requests that it serves.
    """
    routes = [route for router in ROUTERS for route in router.routes]
    for route in routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.name
    return routes


ROUTES = _served_routes()

ERROR_SHAPES = {"/v1": openai_error, "/veo": google_error}
"""Errors below these paths are those of other services."""

KEY_HEADERS = {"/veo": KeyHeader("x-goog-api-key"), "/fal": KeyHeader("authorization", "key ")}
"""Where clients of other services have their key."""


NAVIGATION = PageNavigation(
    served=[route.path for route in ROUTES if isinstance(route, Route | Mount | WebSocketRoute)],
    pages=PAGE_PATHS,
)
"""Which addresses people open that are none."""


class GatewayApp(FastAPI):
    """An application whose document has what FastAPI does not know."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return openapi_document(self)


def create_app(
    upstream: Callable[[], Upstream],
    file_keys: ApiKeys,
    clock: Clock,
    surroundings: Surroundings = DIRECT,
    web_files: Path = WEB_FILES,
) -> FastAPI:
    """Return the application. `upstream` opens the api's channel and is called inside the serving event loop.

    `web_files` is the folder of the web page.
    """
    metrics, callers = Metrics(), Callers(file_keys)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.upstream = upstream()
        callers.ask = partial(identify, app.state.upstream)
        callers.redeem = partial(redeem, app.state.upstream)
        app.state.broadcasts = TenantBroadcasts(app.state.upstream, metrics.live)
        app.state.job_waits = JobWaits(app.state.upstream, app.state.broadcasts)
        app.state.live_video_reads = CurrentReads()
        app.state.mcp = McpService()
        try:
            yield
        finally:
            await app.state.mcp.close()
            await app.state.broadcasts.close()
            await app.state.upstream.close()

    app = GatewayApp(
        title="kinolog",
        version="1",
        routes=ROUTES,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        webhooks=webhook_calls.router,
        middleware=[
            Middleware(KnownConnection),
            *surroundings.middleware(),
            Middleware(ErrorShapes, shapes=ERROR_SHAPES),  # for errors that nobody expects
            Middleware(RequestTelemetry, metrics=metrics),
            Middleware(HeadRequests),
            COMPRESSION,
            Middleware(ErrorShapes, shapes=ERROR_SHAPES),  # HEAD states the length of what GET returns
            Middleware(KeyHeaders, headers=KEY_HEADERS),
            Middleware(RequestMiddleware, callers=callers, surroundings=surroundings, navigation=NAVIGATION),
        ],
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={
            RequestValidationError: _on_invalid,
            HTTPException: _on_status,
            HttpProblemError: _on_problem,
            AioRpcError: _on_upstream,
        },
    )
    app.state.metrics, app.state.clock, app.state.callers = metrics, clock, callers
    app.state.web_page = BuiltPage(web_files)
    return app


async def _on_invalid(_: Request, error: Any) -> Response:
    return respond(request_errors.from_validation(error.errors()))


async def _on_status(request: Request, error: Any) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    if error.status_code == HTTPStatus.NOT_FOUND and NAVIGATION.is_of_a_person(request.scope):
        return lost_page(request)
    return respond(request_errors.from_status(error.status_code), headers)


def _methods_of(request: Request) -> set[str]:
    """Return the methods of all routes with the path of the first that matches: Starlette names those of that one."""
    routes = [route for route in ROUTES if isinstance(route, Route)]
    first = next((route for route in routes if route.matches(request.scope)[0] is not Match.NONE), None)
    methods = {
        method
        for route in routes
        if first is not None and route.path_format == first.path_format
        for method in route.methods or ()
    }
    return methods | ({"HEAD"} if "GET" in methods else set())


async def _on_problem(_: Request, error: Any) -> Response:
    return respond(error.problem, error.headers)


async def _on_upstream(request: Request, error: Any) -> Response:
    return await _on_problem(request, grpc_errors.from_call(error))
