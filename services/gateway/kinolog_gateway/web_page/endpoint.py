"""Routes of the web page. Each of its own addresses answers with the page, which then shows the right part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kinolog_gateway.http.middleware import PAGE_PATHS
from kinolog_gateway.routes.pages import links_page, lost_links_page
from kinolog_gateway.web_page.built_page import BuiltPage

router = APIRouter(include_in_schema=False)

PAGE_MODULES = {
    "/": ("dashboard/dashboard", "dashboard/charts"),
    "/jobs": ("jobs/jobs",),
    "/jobs/{job_id}": ("job/job_page",),
    "/generate": ("generate/generate",),
    "/schedules": ("schedules/schedules",),
    "/analytics": ("analytics/analytics",),
    "/audit": ("audit/audit", "audit/search_tab"),
    "/settings": ("settings/settings",),
}
"""Modules of `web/src/pages` that the page begins with at each of its addresses."""


def _page(request: Request) -> BuiltPage:
    page: BuiltPage = request.app.state.web_page
    return page


@router.get("/")
async def home(request: Request) -> Response:
    """Return the page; the links alone if it is not built."""
    return _page(request).index(PAGE_MODULES["/"]) or links_page(request)


def lost_page(request: Request) -> Response:
    """Return the page for an address that is none, with status 404: it says so, and has a way back."""
    page = _page(request).index(()) or lost_links_page()
    page.status_code = HTTPStatus.NOT_FOUND
    page.headers["Vary"] = "Accept"
    page.headers["Cache-Control"] = "no-store"
    return page


def _part(modules: Sequence[str]) -> Callable[[Request], Awaitable[Response]]:
    """Return the route of one of the page's own addresses."""

    async def part(request: Request) -> Response:
        page = _page(request).index(modules)
        if page is None:
            raise HTTPException(404)
        return page

    return part


for path in PAGE_PATHS:
    router.add_api_route(path, _part(PAGE_MODULES[path]), methods=["GET"])


@router.get("/assets/{name}")
async def asset(request: Request, name: str) -> Response:
    """Return a script or a style of the page."""
    return _file(request, f"assets/{name}")


@router.get("/icon.svg")
async def icon(request: Request) -> Response:
    """Return the icon of the page."""
    return _file(request, "icon.svg")


def _file(request: Request, name: str) -> Response:
    found = _page(request).file(name, request.headers)
    if found is None:
        raise HTTPException(404)
    return found
