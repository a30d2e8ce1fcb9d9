"""How a gateway names the client for whom it calls the api: metadata of the call, recorded and not trusted."""

from __future__ import annotations

import re

CLIENT_ADDRESS_KEY = "x-kinolog-client-address"
"""Metadata with the address of the client."""
CLIENT_PROGRAM_KEY = "x-kinolog-client-program"
"""Metadata with the program of the client."""
CLIENT_ROUTE_KEY = "x-kinolog-client-route"
"""Metadata with method and path template of the HTTP request."""
_ROUTE = re.compile(r"[A-Z]{3,7} /[A-Za-z0-9/{}._:~*-]{0,110}")
_PRODUCT = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~/-]{1,80}")
"""The first product of a user agent, with its version: RFC 9110. The OpenAI client has two slashes."""


def first_product(user_agent: str) -> str:
    """Return the first product of a user agent, such as curl/8.5.0; empty if there is none."""
    product = _PRODUCT.match(user_agent)
    return product.group() if product else ""


def known_route(text: str) -> str:
    """Return a route that a gateway names, such as GET /api/v1/result/{job_id}; empty for another text."""
    return text if _ROUTE.fullmatch(text) else ""
