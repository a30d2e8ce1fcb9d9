"""Credentials of browsers, which send no header of a page's choice with a WebSocket, <video> or <img> (decision 98).

A WebSocket offers the subprotocols `kinolog` and `kinolog.key.<key or ticket>`. The link of a file ends with
`?ticket=<ticket>`, and so does that of a stream of events.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

from starlette.types import Scope

from kinolog.access.key_text import is_ticket

LIVE_PROTOCOL = "kinolog"
"""The subprotocol of /ws. The gateway selects it if it is offered."""
KEY_PROTOCOL = "kinolog.key."
"""What the subprotocol begins with that holds a key or a ticket. It is never selected, so no response has it."""
TICKET_PARAMETER = "ticket"
EVENT_STREAM_PATH = "/api/v1/live"

_FILE_ROUTE = re.compile(
    r"/api/v1/(result/[^/]+/(video|stream|thumbnail|preview|scenes/[^/]+(/thumbnail)?|export/[^/]+)|inputs/[^/]+/[^/]+)"
)


def offered_key(scope: Scope) -> str | None:
    """Return the key or ticket that the handshake of a WebSocket offers, or None."""
    offered = [name for name in scope.get("subprotocols", ()) if name.startswith(KEY_PROTOCOL)]
    return offered[0].removeprefix(KEY_PROTOCOL) or None if offered else None


def opens_connection(scope: Scope) -> bool:
    """Return whether a request opens a connection of live updates: a WebSocket or a stream of events.

    HEAD opens none, so it takes no ticket: one that it redeemed would be lost.
    """
    is_stream = scope["path"] == EVENT_STREAM_PATH and scope.get("method") != "HEAD"
    return bool(scope["type"] == "websocket" or is_stream)


def is_file_request(scope: Scope) -> bool:
    """Return whether a request reads a file of a job."""
    return scope["method"] in ("GET", "HEAD") and is_file_route(scope["path"])


def is_file_route(path: str) -> bool:
    """Return whether a path, or the path of a route, is that of a file."""
    return _FILE_ROUTE.fullmatch(path) is not None


def take_link_ticket(scope: Scope) -> str | None:
    """Take the ticket out of the query of a request, so that nothing after this sees it. None without one."""
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    tickets = [value for name, value in query if name == TICKET_PARAMETER]
    if not tickets:
        return None
    rest = [(name, value) for name, value in query if name != TICKET_PARAMETER]
    scope["query_string"] = urlencode(rest).encode("ascii")
    return tickets[0] if is_ticket(tickets[0]) else None


def signed_path(path: str, ticket: str) -> str:
    """Return the path of a file with a ticket that reads it."""
    return f"{path}?{TICKET_PARAMETER}={ticket}"
