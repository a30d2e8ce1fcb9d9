"""The OpenAPI document: what FastAPI generates, with problems and keys added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from kinolog_gateway.http.edge.browser_credentials import TICKET_PARAMETER, is_file_route
from kinolog_gateway.http.problems import MEDIA_TYPE, Problem

DESCRIPTION = """\
Text to video on your own machines. Submit with `POST /api/v1/generate`, follow over `/ws` (see `/asyncapi.json`) or
with `GET /api/v1/status/{job_id}`, and read the video under `/api/v1/result/{job_id}/video`. Agents use `/mcp`, which
speaks the Model Context Protocol.

Writes return the `position` of their commit in the log. Reads take it as `min_position`, or in the header
`X-Kinolog-Position`, and wait until they have caught up with it. Every error is an RFC 9457 problem.

A JSON body has at most 1 MB. Limits of fields are in their schemas. Those that concern several fields are in their
descriptions, and what breaks them is answered with 400. What comes too often is answered with 429 and `Retry-After`.
"""

TAGS = {
    "commands": "Submit jobs, and change them.",
    "jobs": "Read jobs: one, or lists.",
    "results": "Read what a completed job has made.",
    "inputs": "Pictures and clips that jobs start from.",
    "live updates": "Server-sent events. The WebSocket at /ws is described by /asyncapi.json.",
    "analytics": "Counts, times and charts of all jobs.",
    "audit": "Prove the record of a job, and that history was not changed.",
    "catalogue": "Models, workers and alarms.",
    "keys": "API keys, and tickets that stand for them.",
    "schedules": "Jobs that are submitted again and again, at the times of a cron expression.",
    "webhooks": "Addresses that are called when jobs start and end.",
    "operation": "Health, metrics and these documents.",
    "openai": "The videos interface of OpenAI.",
    "replicate": "The predictions interface of Replicate.",
    "fal": "The queue interface of fal.",
    "veo": "The interface of Google for Veo.",
}
"""What the routes of each tag are for."""

ERROR_HEADERS = {
    "Retry-After": {
        "description": "Seconds after which the request may succeed. Sent if waiting helps.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit": {
        "description": "Requests that are left: for each rate its name, `r` for how many, and `t` for the seconds "
        "until there is one more. Sent where the caller's tenant has rates.",
        "schema": {"type": "string", "examples": ['"key-writes";r=19;t=1, "writes";r=180;t=60']},
    },
    "RateLimit-Policy": {
        "description": "Rates that hold for the request: for each its name, `q` requests in `w` seconds.",
        "schema": {"type": "string", "examples": ['"key-writes";q=20;w=1, "writes";q=600;w=60']},
    },
}
"""Headers that an error can have."""

RATE_HEADERS = ("RateLimit", "RateLimit-Policy")
"""Those that every other response can have too."""


COUNTED_ROUTES = ("/api/", "/v1/", "/replicate/", "/fal/", "/veo/")
"""Beginnings of the routes whose requests count for rates."""
TOO_MANY = (
    "Too many requests for a rate of the key or the tenant, or more than the tenant may have in the queue, spend in a "
    "day or store. `Retry-After` says when to try again."
)


def described_body(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the document says about a body that a route reads itself: a schema for each media type."""
    content = {media_type: {"schema": schema} for media_type, schema in schemas.items()}
    return {"requestBody": {"required": True, "content": content}}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the document of every route of `app`. Generated once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        routes=app.routes,
        webhooks=app.webhooks.routes,
        openapi_version="3.1.0",
    )
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas[Problem.__name__] = problem
    document["components"]["headers"] = ERROR_HEADERS
    error_headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ERROR_HEADERS}
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "ticket": {
            "type": "apiKey",
            "in": "query",
            "name": TICKET_PARAMETER,
            "description": "An access ticket of POST /api/v1/tickets. It reads the files of its job.",
        },
    }
    # The empty alternative is for a gateway without keys.
    document["security"] = [{"bearer": []}, {"header": []}, {}]
    reference = {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}
    for route, path in document["paths"].items():
        for operation in path.values():
            if is_file_route(route):
                operation["security"] = [*document["security"], {"ticket": []}]
            if route.startswith(COUNTED_ROUTES):
                _describe_refused_rates(operation["responses"])
            for status, response in operation["responses"].items():
                if status in ("429", "4XX", "5XX"):
                    response["headers"] = error_headers
                elif route.startswith(("/api/", "/v1/")):
                    response["headers"] = response.get("headers", {}) | {
                        name: error_headers[name] for name in RATE_HEADERS
                    }
                if MEDIA_TYPE in response.get("content", {}):
                    response["content"][MEDIA_TYPE] = reference
    app.openapi_schema = document
    return document


def _describe_refused_rates(responses: dict[str, Any]) -> None:
    """Add 429 to the responses of a route whose requests are counted: those that have errors at all."""
    if "4XX" in responses and "429" not in responses:
        content = responses["4XX"].get("content", {})
        refused = {"description": TOO_MANY, "content": {kind: dict(each) for kind, each in content.items()}}
        responses["429"] = refused
