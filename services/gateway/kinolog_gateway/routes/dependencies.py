"""What the routes share: caller, api, clock, positions, and responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Header, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from kinolog.ports.clock import Clock
from kinolog_gateway.http import text_patterns
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.middleware import CALLER
from kinolog_gateway.http.problems import MEDIA_TYPE
from kinolog_gateway.requests.queries import MinPosition
from kinolog_gateway.upstream import Upstream

POSITION_HEADER = "X-Kinolog-Position"

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request is wrong; the problem states how.", "content": {MEDIA_TYPE: {}}},
    "5XX": {
        "description": "The api or a service that it needs does not answer.",
        "content": {MEDIA_TYPE: {}},
    },
}
"""Every route can respond with a problem."""


async def _upstream(request: Request) -> Upstream:
    upstream: Upstream = request.app.state.upstream
    return upstream


async def _caller(request: Request) -> HttpCaller:
    caller: HttpCaller = request.scope[CALLER]
    return replace(caller, route=f"{request.method} {request.scope['route'].path}")


async def _now(request: Request) -> datetime:
    clock: Clock = request.app.state.clock
    return clock()


async def _position(
    min_position: Annotated[
        MinPosition, Query(description="Wait until the read model has reached this position.")
    ] = 0,
    header: Annotated[MinPosition, Header(alias=POSITION_HEADER, description="The same, as a header.")] = 0,
) -> int:
    return max(min_position, header)


Api: TypeAlias = Annotated[Upstream, Depends(_upstream)]
Caller: TypeAlias = Annotated[HttpCaller, Depends(_caller)]
Now: TypeAlias = Annotated[datetime, Depends(_now)]
ReadAfter: TypeAlias = Annotated[int, Depends(_position)]
PositionHeader: TypeAlias = Annotated[
    MinPosition,
    Header(
        alias=POSITION_HEADER,
        description="The same as min_position, as a header.",
    ),
]
JobIdPath: TypeAlias = Annotated[
    str,
    Path(
        pattern=text_patterns.ID,
        description="The job: 26 lower-case letters and digits.",
        examples=["abcdefghijklmnopqrstuvwxyz"],
    ),
]


def json_response(
    model: BaseModel,
    *,
    status: int = 200,
    position: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the JSON response for a model. `position` is added as a header, so that later reads can wait for it."""
    extra = dict(headers or {})
    extra["Cache-Control"] = "no-store"
    if position is not None:
        extra[POSITION_HEADER] = str(position)
    return Response(
        model.__pydantic_serializer__.to_json(model),
        status_code=status,
        media_type="application/json",
        headers=extra,
    )
