"""How many connections the gateway keeps: in all, and for one address."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from kinolog.process.logs import fields

logger = logging.getLogger(__name__)

NETWORK_BITS = 64
"""Addresses of IPv6 with these first bits are one client's."""


@dataclass(slots=True, kw_only=True)
class ConnectionLimits:
    """Counts open connections by address.

    This machine and trusted proxies have no limit of their own: behind one address there are many clients.
    """

    in_all: int
    for_one_address: int
    """0 for no limit."""
    head_seconds: float
    """How long a client may take for the head of a request."""
    body_seconds: float
    """How long a body may stall."""
    trusted_proxies: tuple[str, ...] = ()
    _total: int = field(default=0, init=False)
    _by_address: Counter[str] = field(default_factory=Counter, init=False)
    _refuses: bool = field(default=False, init=False)

    def take(self, host: str) -> str | None:
        """Count a connection from `host`, an IP address. Return what to release; None if it is one too many."""
        key = self._counted_as(host)
        if self._total >= self.in_all or (key and self._by_address[key] >= self.for_one_address):
            if not self._refuses:
                logger.warning(
                    "connections are refused: too many are open",
                    extra=fields("connections_refused", open=self._total, address=host),
                )
            self._refuses = True
            return None
        self._total += 1
        if key:
            self._by_address[key] += 1
        return key

    def release(self, key: str) -> None:
        """Stop counting a connection."""
        self._refuses = False
        self._total -= 1
        if key:
            self._by_address[key] -= 1
            if not self._by_address[key]:
                del self._by_address[key]

    def _counted_as(self, host: str) -> str:
        """Return the address or network under which `host` is counted; empty for one without a limit."""
        if not self.for_one_address:
            return ""
        return _network_of(host, self.trusted_proxies)


@lru_cache(maxsize=1_024)
def _network_of(host: str, unlimited: tuple[str, ...]) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:  # a socket of another kind
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    networks: list[IPv4Network | IPv6Network] = [ip_network(network) for network in unlimited]
    if address.is_loopback or any(address in network for network in networks):
        return ""
    if address.version == 6:
        return str(ip_network((int(address), NETWORK_BITS), strict=False))
    return str(address)
