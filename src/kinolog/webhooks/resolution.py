"""Resolves the host of a webhook, and refuses one that must not be called."""

from __future__ import annotations

import asyncio
import socket

from kinolog.webhooks.address import AddressRules, usable_ips

RESOLUTION_SECONDS = 5.0


async def resolved_ips(host: str, port: int, rules: AddressRules) -> list[str]:
    """Return the addresses of a host. Raises `UnusableAddress`, `OSError` if it has none, `TimeoutError`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLUTION_SECONDS):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a part of the name is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from None
    return usable_ips(host, [str(address[0]) for *_, address in found], rules)
