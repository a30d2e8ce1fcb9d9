"""Pages for people with a browser: the links of a gateway, and /docs, which shows the OpenAPI document.

They load nothing from elsewhere. The links stand at / where the web page is not built.

The files of /docs are those of Swagger UI, from the package fastapi-swagger.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from string import Template

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from kinolog_gateway.http.edge.public_path import public_path

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif; }
body { max-width: 38rem; margin: 3rem auto; padding: 0 1rem; }
code { font-size: 0.95em; }
"""
_HOME = Template(
    """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>kinolog</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>$style</style></head>
<body>
<h1>kinolog</h1>
<p>Text to video on your own machines. This is its gateway.</p>
<ul>
<li><a href="${root}docs">The routes</a>, and their documents: <a href="${root}openapi.json">OpenAPI</a> of REST,
<a href="${root}asyncapi.json">AsyncAPI</a> of the WebSocket</li>
<li><a href="${root}health">Does it run?</a> <a href="${root}ready">Can it serve?</a></li>
<li>The dashboard: <code>kinolog --url $url tui</code> in a terminal, with <code>--web</code> in the browser</li>
<li>The web page is not built here. With Node.js 20 or newer, <code>make web</code> builds it.</li>
<li>Agents, over the Model Context Protocol: <code>$url/mcp</code>, or start <code>kinolog --url $url mcp</code></li>
</ul>
</body>
</html>
"""
)
_LOST = Template(
    """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>kinolog</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>$style</style></head>
<body>
<h1>There is no such page</h1>
<p><a href="${root}">To the first page</a></p>
</body>
</html>
"""
)
_DOCS = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>kinolog: routes</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="docs/files/swagger-ui.css"></head>
<body><div id="routes"></div>
<script src="docs/files/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#routes", deepLinking: true, defaultModelsExpandDepth: 0, validatorUrl: null,
});
"""


def page_headers(*sources: str, base: str = "'none'") -> dict[str, str]:
    """Return the headers of a page that may use these sources and nothing else, and name its base if `base` allows."""
    last = (f"base-uri {base}", "form-action 'none'", "frame-ancestors 'none'")
    return {
        "Content-Security-Policy": "; ".join(("default-src 'none'", *sources, *last)),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


_HOME_HEADERS = page_headers(f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'")
_DOCS_HEADERS = page_headers(
    "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"
)

router = APIRouter(include_in_schema=False)


def links_page(request: Request) -> Response:
    """Return the page with links."""
    root = public_path("/")
    url = f"{request.url.scheme}://{request.url.netloc}{root.rstrip('/')}"
    return HTMLResponse(
        _HOME.substitute(style=_STYLE, root=escape(root), url=escape(url)), headers=_HOME_HEADERS
    )


def lost_links_page() -> Response:
    """Return what stands at an address that is none, where the web page is not built."""
    return HTMLResponse(_LOST.substitute(style=_STYLE, root=escape(public_path("/"))), headers=_HOME_HEADERS)


@router.get("/docs")
async def docs() -> Response:
    """Return the page that shows the OpenAPI document. Its links are relative, so it needs to know no prefix."""
    return HTMLResponse(_DOCS, headers=_DOCS_HEADERS)


@router.get("/docs/start.js")
async def docs_start() -> Response:
    """Return the script that starts the page of the routes. It stands apart: no script runs from within a page."""
    return Response(_START, media_type="text/javascript")


router.routes.append(
    Mount("/docs/files", StaticFiles(packages=[("fastapi_swagger", "resources")]), name="docs_files")
)
