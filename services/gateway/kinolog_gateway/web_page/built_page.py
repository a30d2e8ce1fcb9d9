"""The files of the web page, as `make web` builds them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from mimetypes import guess_type
from pathlib import Path
from secrets import token_urlsafe

from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse, Response

from kinolog_gateway.http.edge.public_path import public_path
from kinolog_gateway.routes.pages import page_headers
from kinolog_gateway.web_page.scripts import Scripts, read_scripts

WEB_FILES = Path(__file__).parents[1] / "web_files"
"""Where the build puts them, and where an installed gateway has them."""
UNCHANGING = "public, max-age=31536000, immutable"
"""Names of assets have a hash of their content: they may be kept for a year."""
CHANGING = "no-cache"
COMPRESSED = ".br"
"""What the build adds to the name of a file that it has compressed."""


class BuiltPage:
    """The page in a folder. Without an `index.html` there it is not built. A new build is noticed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built_at = 0
        self._index = ""
        self._files: dict[str, Path] = {}
        self._assets: dict[Path, bytes] = {}  # those that were asked for, some megabytes at most
        self._scripts = Scripts({})

    def index(self, modules: Sequence[str]) -> Response | None:
        """Return the page; None if it is not built. Each answer has a number that the styles of the page present.

        `modules` are those of the part of the page that opens. The browser loads their scripts at once.
        """
        self._look()
        if not self._index:
            return None
        nonce = token_urlsafe(16)
        begin = f'<head><base href="{escape(public_path("/"))}"><meta property="csp-nonce" nonce="{nonce}">'
        end = "".join(
            f'<link rel="modulepreload" crossorigin href="./{escape(file)}">'
            for file in self._scripts.preloads(modules)
        )
        text = self._index.replace("<head>", begin, 1).replace("</head>", f"{end}</head>", 1)
        text = text.replace("<style>", f'<style nonce="{nonce}">')
        return HTMLResponse(text, headers=_headers(nonce) | {"Cache-Control": CHANGING})

    def file(self, name: str, request_headers: Headers) -> Response | None:
        """Return a file of the page, compressed by brotli if the client takes that; None if there is none."""
        self._look()
        path = self._files.get(name)
        if path is None or not path.is_file():
            return None
        is_asset = name.startswith("assets/")
        headers = {
            "Cache-Control": UNCHANGING if is_asset else CHANGING,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        compressed = path.with_name(path.name + COMPRESSED)
        if compressed.is_file() and _takes_brotli(request_headers):
            path, headers = compressed, headers | {"Content-Encoding": "br"}
        media_type = guess_type(name)[0]
        if not is_asset:
            return FileResponse(path, headers=headers, media_type=media_type)
        if path not in self._assets:
            self._assets[path] = path.read_bytes()
        return Response(self._assets[path], headers=headers, media_type=media_type)

    def _look(self) -> None:
        """List the files of the build. What a request names is looked up there, so no path leads out of the folder."""
        index = self._folder / "index.html"
        try:
            built_at = index.stat().st_mtime_ns
        except OSError:
            built_at = 0
        if built_at == self._built_at:
            return
        self._built_at = built_at
        self._assets = {}
        self._index = index.read_text(encoding="utf-8") if built_at else ""
        self._scripts = read_scripts(self._folder)
        self._files = {
            path.relative_to(self._folder).as_posix(): path
            for path in (*self._folder.glob("assets/*"), *self._folder.glob("*.svg"))
            if path.suffix != COMPRESSED
        }


def _headers(nonce: str) -> dict[str, str]:
    """Return the headers of a page that may use this gateway and nothing else."""
    return page_headers(
        "script-src 'self'",
        f"style-src 'self' 'nonce-{nonce}'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        base="'self'",
    )


def _takes_brotli(headers: Headers) -> bool:
    offered = (part.partition(";") for part in headers.get("accept-encoding", "").split(","))
    return any(
        name.strip().lower() == "br" and rest.replace(" ", "") not in ("q=0", "q=0.0")
        for name, _, rest in offered
    )
