"""Calls at the same time, of which some are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

from grpc import aio

from tests.builders.running_api import problem_of


async def refusals(calls: Iterable[Awaitable[object]]) -> list[str]:
    """Return the reasons of the refused ones of calls at the same time. Raises their other errors."""
    reasons = []
    for end in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(end, aio.AioRpcError):
            reasons.append(problem_of(end).reason)
        elif isinstance(end, BaseException):
            raise end
    return reasons
