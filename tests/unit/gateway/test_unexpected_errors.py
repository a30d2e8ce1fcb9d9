"""An error that the gateway does not expect."""

from __future__ import annotations

import logging

import httpx
import pytest
from kinolog_gateway.compatibility.error_shapes import ErrorShapes
from kinolog_gateway.http.metrics import Metrics
from kinolog_gateway.http.middleware import RequestTelemetry
from kinolog_gateway.web_app import ERROR_SHAPES
from starlette.types import Receive, Scope, Send

from kinolog.process.logs import TextLines

SECRET = "a red circle, moving"


async def _break(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        {}[SECRET]  # type: ignore[index]  # the lookup is to fail
    except KeyError:
        raise RuntimeError(f"cannot handle {SECRET}")  # noqa: B904 - errors have a context more often than a cause


async def test_the_log_has_where_it_happened_and_what_led_to_it(caplog: pytest.LogCaptureFixture) -> None:
    """The answer is a problem, and neither answer nor log quotes the request."""
    caplog.set_level(logging.ERROR)
    transport = httpx.ASGITransport(app=RequestTelemetry(_break, Metrics()))
    async with httpx.AsyncClient(base_url="http://127.0.0.1", transport=transport) as client:
        answer = await client.get("/api/v1/jobs")
    assert (answer.status_code, answer.json()["reason"]) == (500, "INTERNAL")
    (line,) = (TextLines("gateway").format(record) for record in caplog.records)
    assert "in _break" in line
    assert line.index("KeyError") < line.index("while it was handled") < line.rindex("RuntimeError")
    assert "red circle" not in line + answer.text


async def test_the_log_has_the_id_that_the_response_has(caplog: pytest.LogCaptureFixture) -> None:
    """A client of OpenAI's interface can quote it. The error has the shape that its SDK reads."""
    caplog.set_level(logging.ERROR)
    app = ErrorShapes(RequestTelemetry(_break, Metrics()), ERROR_SHAPES)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(base_url="http://127.0.0.1", transport=transport) as client:
        answer = await client.get("/v1/videos")
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")
    (line,) = (TextLines("gateway").format(record) for record in caplog.records)
    assert answer.headers["x-request-id"] in line
