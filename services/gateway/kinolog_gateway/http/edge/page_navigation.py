"""Addresses that a person opens in a browser and where nothing is served. The web page says so there."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import Scope


class PageNavigation:
    """Tells the addresses of people from those of programs, which get problems in JSON.

    An address is a person's if a browser opens it, and if its folder has no route but pages: nothing to protect.
    """

    def __init__(self, served: Iterable[str], pages: Iterable[str]) -> None:
        """`served` are the paths of all routes, `pages` those of the web page."""
        self._served_folders = frozenset(map(_folder, frozenset(served) - frozenset(pages)))

    def is_of_a_person(self, scope: Scope) -> bool:
        """Return whether the web page is the answer to a request, if no route is."""
        return _folder(scope["path"]) not in self._served_folders and _opens_a_page(scope)


def _folder(path: str) -> str:
    """Return the first part of a path."""
    return path.lstrip("/").partition("/")[0]


def _opens_a_page(scope: Scope) -> bool:
    """Return whether a browser opens an address: programs ask for JSON, or for anything."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    ranges = {
        each.partition(";")[0].strip().lower() for each in Headers(scope=scope).get("accept", "").split(",")
    }
    return "text/html" in ranges and "application/json" not in ranges
