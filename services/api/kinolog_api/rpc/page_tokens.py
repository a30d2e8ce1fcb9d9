"""Page tokens: where a list continues, bound to the query that issued them.

A token is a digest over tenant, query and cursor, followed by the read model's cursor. It is neither secret nor a
permission: with another query, another tenant or a changed character it is refused.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument

DIGEST_BYTES = 9


def query_key(request: pb.ListJobsRequest, tenant: str) -> bytes:
    """Return what must stay the same from page to page: all fields except page size, token and offset."""
    same = pb.ListJobsRequest(filter=request.filter, order_by=request.order_by)
    return tenant.encode() + b"\0" + same.SerializeToString(deterministic=True)


def page_token(cursor: str, query: bytes) -> str:
    """Return the token of the page that starts at `cursor`; empty for an empty cursor, after the last page."""
    if not cursor:
        return ""
    body = cursor.encode()
    return urlsafe_b64encode(_digest(query, body) + body).decode().rstrip("=")


def cursor_from_token(token: str, query: bytes) -> str:
    """Return the cursor in a token. Raises INVALID_ARGUMENT for a token that another query issued."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        body = raw[DIGEST_BYTES:]
        if raw[:DIGEST_BYTES] == _digest(query, body):
            return body.decode()
    except (binascii.Error, ValueError):
        pass
    raise _bad_page_token()


def _bad_page_token() -> RpcError:
    description = "must be the next_page_token of the previous page, with the same filter and order_by"
    return invalid_argument([RequestViolation("page_token", description)], "BAD_PAGE_TOKEN")


def _digest(query: bytes, body: bytes) -> bytes:
    return sha256(len(query).to_bytes(4, "big") + query + body).digest()[:DIGEST_BYTES]
