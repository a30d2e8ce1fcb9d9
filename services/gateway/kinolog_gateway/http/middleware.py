"""Middleware of every request: telemetry, keys, host and origin checks, size and type of the body."""

from __future__ import annotations

import logging
from dataclasses import replace
from time import perf_counter
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinolog.access.api_key import Scope as KeyScope
from kinolog.access.key_text import is_judged_by_api, is_ticket
from kinolog.connections.local_peer import is_own_peer
from kinolog.connections.named_client import first_product
from kinolog.network_addresses import is_loopback
from kinolog.process.logs import fields
from kinolog_gateway.http.callers import Callers, key_required
from kinolog_gateway.http.credentials import HttpCaller, presented_key
from kinolog_gateway.http.edge.browser_credentials import (
    is_file_request,
    offered_key,
    opens_connection,
    take_link_ticket,
)
from kinolog_gateway.http.edge.page_navigation import PageNavigation
from kinolog_gateway.http.edge.path_aliases import API_PREFIX
from kinolog_gateway.http.edge.surroundings import Surroundings
from kinolog_gateway.http.metadata_headers import with_metadata_headers
from kinolog_gateway.http.metrics import Metrics
from kinolog_gateway.http.problems import HttpProblemError, Problem, invalid, make_problem, respond

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1_000_000
MAX_KEY_CHARACTERS = 8_192
"""Longest key, ticket or token that is passed on to the api, in metadata."""
REQUEST_ID = "kinolog.request_id"
"""Key of the ASGI scope with the id that the response has, if it has one."""
CALLER = "kinolog.caller"
"""Key of the ASGI scope under which routes find the caller."""

MCP_PATH = "/mcp"
"""The route of the Model Context Protocol."""

CONNECTION = "kinolog.connection"
"""Key of the ASGI scope for both ends of the connection."""

UPLOAD_PATH = f"{API_PREFIX}/inputs"
"""The route whose body is no JSON and of any size: it reads it piece by piece, and the api limits it."""

PAGE_PATHS = ("/jobs", "/jobs/{job_id}", "/generate", "/schedules", "/analytics", "/audit", "/settings")
"""Addresses of the web page beside `/`, which a person may reload or link. `_PUBLIC_FOLDERS` has that of a job."""

_PUBLIC_PATHS = frozenset(
    {"/", "/docs", "/health", "/ready", "/openapi.json", "/asyncapi.json", "/icon.svg", *PAGE_PATHS}
)
"""Paths that need no key, as those below `_PUBLIC_FOLDERS`: they contain nothing about jobs."""
_PUBLIC_FOLDERS = ("/docs/", "/jobs/", "/assets/")
_UNEXPECTED = make_problem(500, "INTERNAL", "something went wrong inside the gateway; see its log")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_COUNTED_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class KnownConnection:
    """Notes both ends of the connection, before headers of a proxy take their place. The outermost middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[CONNECTION] = (scope.get("client"), scope.get("server"))
        await self._app(scope, receive, send)


class RequestTelemetry:
    """Measures every HTTP request by route template, and answers unexpected errors with a problem."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 0

        async def record_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, record_status)
        except Exception as error:
            _log_unexpected(error, scope)
            if not status:
                await respond(_UNEXPECTED)(scope, receive, record_status)
        finally:
            method = scope["method"] if scope["method"] in _COUNTED_METHODS else "OTHER"
            self._metrics.count_request(
                method=method, route=_route(scope), status=status or 500, seconds=perf_counter() - started
            )


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "unmatched")


def _log_unexpected(error: Exception, scope: Scope) -> None:
    """Log an error, unless the client or its connection ended the request."""
    if isinstance(error, ClientDisconnect | OSError):
        return
    request_id = {"request_id": scope[REQUEST_ID]} if REQUEST_ID in scope else {}
    extra = fields("failed", route=_route(scope), error=type(error).__name__, **request_id)
    logger.error("a request failed unexpectedly", exc_info=error, extra=extra)


class RequestMiddleware:
    """Refuses requests without a key, from a foreign web page, or with a body that no route takes.

    A gateway without keys serves only this machine. It also refuses foreign host names, because a foreign web page can
    make its own host name resolve to this machine (DNS rebinding).
    """

    def __init__(
        self, app: ASGIApp, callers: Callers, surroundings: Surroundings, navigation: PageNavigation
    ) -> None:
        self._app = app
        self._navigation = navigation
        self._callers = callers
        self._surroundings = surroundings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            _check_path(scope["path"])
            scope[CALLER] = await self._authenticate(scope, headers)
            if (
                scope["type"] == "http"
                and scope["method"] not in _SAFE_METHODS
                and (scope["path"].startswith(f"{API_PREFIX}/") or scope["path"] == MCP_PATH)
                and scope["path"] != UPLOAD_PATH
            ):
                receive = await _read_body(headers, receive)
            answer = with_metadata_headers(send) if scope["type"] == "http" else send
            await self._app(scope, receive, answer)
        except HttpProblemError as error:
            await _refuse(error.problem, error.headers, scope, receive, send)

    async def _authenticate(self, scope: Scope, headers: Headers) -> HttpCaller:
        self._check_origin(scope, headers)
        if not self._callers.requires_key:
            _check_host(headers)
        if _is_public(scope["path"]) or self._navigation.is_of_a_person(scope):
            return HttpCaller()
        credential = _credential(scope, headers)
        if credential and not _can_be_passed_on(credential):
            raise key_required()
        address, _ = scope.get("client") or ("", 0)
        if not (credential and is_judged_by_api(credential)):
            if not self._callers.requires_key:
                self._check_machine(address)
            if self._callers.file_keys.own_user_only:
                self._check_account(scope)
        connects = opens_connection(scope)
        caller = await self._callers.identify(credential, address, opens_connection=connects)
        if connects:
            caller.check_scope(KeyScope.READ)
        return replace(caller, program=first_product(headers.get("user-agent", "")))

    def _check_machine(self, address: str) -> None:
        """Raise the problem of a request without a key that a proxy has taken from another machine.

        Its host tells nothing: proxies pass on what the client says.
        """
        if address and not is_loopback(address):
            refusal = key_required(
                "this gateway needs no key from its own machine, and from others it does: present an API key"
            )
            self._callers.log_refusal(refusal, "", address)
            raise refusal

    def _check_account(self, scope: Scope) -> None:
        """Raise the problem of a request without a key by another account of this machine."""
        peer, own = scope.get(CONNECTION) or (None, None)
        if peer and own and not is_own_peer((peer[0], peer[1]), (own[0], own[1])):
            refusal = key_required(
                "this gateway needs no key from the account that runs it, and from other accounts of this machine it "
                "does: present an API key (kinolog keys create), or start it with --no-auth"
            )
            self._callers.log_refusal(refusal, "", f"{peer[0]}, another account of this machine")
            raise refusal

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        origin = headers.get("origin")
        writes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if origin is None or not writes or self._surroundings.allows_origin(origin):
            return
        if origin == "null" or urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise HttpProblemError(
                403,
                "FOREIGN_ORIGIN",
                "web pages of another origin may not use this gateway; serve them from it, or list their origin in "
                "KINOLOG_GATEWAY_CORS_ORIGINS",
            )


def _credential(scope: Scope, headers: Headers) -> str | None:
    """Return the key or ticket of a request. A ticket counts where it can be used: for files, and for a connection."""
    key = presented_key(headers)
    if scope["type"] == "websocket":
        return key or offered_key(scope)
    if is_file_request(scope) or opens_connection(scope):
        ticket = take_link_ticket(scope)
        return key or ticket
    return None if key and is_ticket(key) else key


def _check_path(path: str) -> None:
    """Raise the problem of a path with a control character: patterns of routes ignore a line break at its end."""
    if not path.isprintable():
        raise HttpProblemError(
            404, "ROUTE_NOT_FOUND", "there is no such route; /openapi.json lists all of them"
        )


def _can_be_passed_on(credential: str) -> bool:
    """Return whether metadata of gRPC can hold a key or ticket."""
    return credential.isascii() and credential.isprintable() and len(credential) <= MAX_KEY_CHARACTERS


def _is_public(path: str) -> bool:
    return path in _PUBLIC_PATHS or path.startswith(_PUBLIC_FOLDERS)


def _check_host(headers: Headers) -> None:
    host = headers.get("host", "localhost")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if not is_loopback(name):
        raise HttpProblemError(
            403, "FOREIGN_HOST", "this gateway has no keys, so it serves only localhost and 127.0.0.1"
        )


async def _read_body(headers: Headers, receive: Receive) -> Receive:
    """Read the body of a command and return a `receive` that replays it. Refuse one too large or of a wrong type."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise _too_large()
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    if body:
        _check_type(headers)
    replayed = False

    async def replay_body() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return replay_body


def _too_large() -> HttpProblemError:
    return HttpProblemError(
        413, "BODY_TOO_LARGE", "the body is larger than 1 MB; send less", headers={"Connection": "close"}
    )


def _check_type(headers: Headers) -> None:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise HttpProblemError(
            415, "UNSUPPORTED_MEDIA_TYPE", "send JSON, with Content-Type: application/json"
        )
    charset = headers.get("content-type", "").lower().partition("charset=")[2].strip('" ;')
    if charset not in ("", "utf-8", "utf8"):
        raise invalid("Content-Type", "must have charset=utf-8 or no charset; JSON is UTF-8")


async def _refuse(
    problem: Problem, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
) -> None:
    response = respond(problem, headers)
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    message = await receive()
    if message["type"] != "websocket.connect":
        return
    await send(
        {
            "type": "websocket.http.response.start",
            "status": response.status_code,
            "headers": response.raw_headers,
        }
    )
    await send({"type": "websocket.http.response.body", "body": response.body, "more_body": False})
