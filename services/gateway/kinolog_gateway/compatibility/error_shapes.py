"""Errors in the shape that clients of another service expect: every one below a path, also those of middleware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinolog_gateway.http.middleware import REQUEST_ID
from kinolog_gateway.http.problems import MEDIA_TYPE, Problem

REQUEST_ID_HEADER = "x-request-id"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapedError:
    """An error as the clients of another service read it."""

    body: BaseModel
    headers: Mapping[str, str] = field(default_factory=dict)


ErrorShape = Callable[[Problem], ShapedError]


def error_responses(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says about the errors of a route."""
    return {
        "4XX": {"model": model, "description": "The request is wrong; the error states how."},
        "5XX": {"model": model, "description": "The api or a service that it needs does not answer."},
    }


class ErrorShapes:
    """Rewrites problems below the paths of `shapes`, and gives every response there the header x-request-id."""

    def __init__(self, app: ASGIApp, shapes: Mapping[str, ErrorShape]) -> None:
        self._app = app
        self._shapes = shapes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shape = self._shape(scope["path"]) if scope["type"] == "http" else None
        if shape is not None:
            send = _ShapedSend(send, shape, scope.setdefault(REQUEST_ID, f"req_{uuid4().hex}"))
        await self._app(scope, receive, send)

    def _shape(self, path: str) -> ErrorShape | None:
        return next(
            (shape for start, shape in self._shapes.items() if path == start or path.startswith(f"{start}/")),
            None,
        )


class _ShapedSend:
    """Sends the messages of one response. The body of a problem is held until it is complete."""

    def __init__(self, send: Send, shape: ErrorShape, request_id: str) -> None:
        self._request_id = request_id
        self._send = send
        self._shape = shape
        self._start: Any = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault(REQUEST_ID_HEADER, self._request_id)
            if headers.get("content-type") == MEDIA_TYPE:
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            message = self._shaped()
            await self._send(self._start)
        await self._send(message)

    def _shaped(self) -> Message:
        shaped = self._shape(Problem.model_validate_json(self._body))
        body = shaped.body.model_dump_json().encode()
        headers = MutableHeaders(scope=self._start)
        headers.update({"content-type": "application/json", "content-length": str(len(body))})
        for name, value in shaped.headers.items():
            headers.setdefault(name, value)
        return {"type": "http.response.body", "body": body, "more_body": False}
