"""The routes of the gateway."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi.routing import APIRoute
from kinolog_gateway.http.credentials import ApiKeys
from kinolog_gateway.upstream import Upstream
from kinolog_gateway.web_app import create_app


def _no_upstream() -> Upstream:
    raise AssertionError("no request is sent")


def test_applications_share_their_routes() -> None:
    """A route is made once. Made again for an application, all of them took the first requests a tenth of a second."""
    first, second = (create_app(_no_upstream, ApiKeys(None), lambda: datetime.now(UTC)).routes for _ in "ab")
    assert len([route for route in first if isinstance(route, APIRoute)]) > 50
    assert all(one is other for one, other in zip(first, second, strict=True))
