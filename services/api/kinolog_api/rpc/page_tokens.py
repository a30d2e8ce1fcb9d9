"""Page tokens: where a list goes on, bound to the query that gave them out.

A token is the read model's cursor behind a digest over tenant, query and cursor. It is no secret and no right: with
another query, another tenant or a changed letter it is simply refused.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import FieldViolation, RpcError, invalid

DIGEST_BYTES = 9


def query_of(request: pb.ListJobsRequest, tenant: str) -> bytes:
    """What must stay the same from page to page: all but the size and place of the page."""
    same = pb.ListJobsRequest(filter=request.filter, order_by=request.order_by)
    return tenant.encode() + b"\0" + same.SerializeToString(deterministic=True)


def page_token(cursor: str, query: bytes) -> str:
    """The token of the page that begins at `cursor`; empty for an empty cursor, which is behind the last page."""
    if not cursor:
        return ""
    body = cursor.encode()
    return urlsafe_b64encode(_digest(query, body) + body).decode().rstrip("=")


def cursor_in(token: str, query: bytes) -> str:
    """The cursor. Raises an INVALID_ARGUMENT RpcError for a token that this query did not give out."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        body = raw[DIGEST_BYTES:]
        if raw[:DIGEST_BYTES] == _digest(query, body):
            return body.decode()
    except (binascii.Error, ValueError):
        pass
    raise _not_of_this_query()


def _not_of_this_query() -> RpcError:
    description = "must be the next_page_token of the page before, with the same filter and order_by"
    return invalid([FieldViolation("page_token", description)], "BAD_PAGE_TOKEN")


def _digest(query: bytes, body: bytes) -> bytes:
    return sha256(len(query).to_bytes(4, "big") + query + body).digest()[:DIGEST_BYTES]
