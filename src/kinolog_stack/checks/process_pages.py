"""Pages that the processes of this machine serve."""

from __future__ import annotations

import httpx

ANSWER_SECONDS = 5.0


def process_page(url: str) -> httpx.Response:
    """Return a page of a process of this machine, whatever its status. Raises `httpx.HTTPError`.

    Its certificate need not be of the name in the address, and no proxy is asked.
    """
    return httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False, verify=False)  # noqa: S501
