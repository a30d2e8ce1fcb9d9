"""Where a call comes from: for log lines and commits, and to refuse other accounts of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import unquote

from kinolog.connections.local_peer import is_own_peer
from kinolog.connections.named_client import (
    CLIENT_ADDRESS_KEY,
    CLIENT_PROGRAM_KEY,
    CLIENT_ROUTE_KEY,
    first_product,
    known_route,
)
from kinolog.job.commands import CommandOrigin
from kinolog.privacy.origin_address import OriginAddress, seal_address
from kinolog.privacy.sealer import Sealer

MAX_ADDRESS_LENGTH = 64


def call_origin(peer: str, metadata: Iterable[tuple[str, str | bytes]]) -> Mapping[str, str]:
    """Return where a call comes from, as fields of a log line: the peer, and the client that a gateway names.

    The program is the one that a gateway names, else the first product of the user agent.
    """
    origin = {"peer": peer}
    client = program = agent = route = ""
    for name, value in metadata:
        if name == CLIENT_ADDRESS_KEY:
            client = client or str(value)
        elif name == CLIENT_PROGRAM_KEY:
            program = str(value)
        elif name == CLIENT_ROUTE_KEY:
            route = route or known_route(str(value))
        elif name == "user-agent":
            agent = str(value)
    if client and client.isprintable():
        origin["client"] = client[:MAX_ADDRESS_LENGTH]
    if product := _product(program or agent):
        origin["program"] = product
    if route:
        origin["route"] = route
    return origin


_product = lru_cache(maxsize=256)(first_product)


def origin_address(origin: Mapping[str, str]) -> OriginAddress:
    """Return the address of a caller, and of the gateway that named it."""
    return _address(origin.get("peer", ""), origin.get("client", ""))


@lru_cache(maxsize=1_024)
def _address(caller: str, client: str) -> OriginAddress:
    kind, _, address = caller.partition(":")
    peer = unquote(address).rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else ""
    return OriginAddress(client, peer) if client else OriginAddress(peer, "")


def command_origin(key_id: str, origin: Mapping[str, str], sealer: Sealer | None) -> CommandOrigin:
    """Return where a command comes from, its address sealed; without a key of the job there is no address."""
    address = origin_address(origin)
    sealed = seal_address(address, sealer) if sealer is not None and address.address else None
    return CommandOrigin(api_key_id=key_id, client=origin.get("program", ""), sealed_address=sealed)


class OwnUserCalls:
    """Tells calls of this user's processes from those of other accounts, on a server that listens on loopback."""

    def __init__(self, host: str, port: int) -> None:
        self._port = port
        self._hosts = {"ipv4": "127.0.0.1", "ipv6": "::1"}
        with suppress(ValueError):  # a name: localhost
            self._hosts[f"ipv{ip_address(host).version}"] = host

    def admits(self, peer: str) -> bool:
        """Return whether a call of a peer, as gRPC names it, comes from a process of this user, or of root."""
        kind, host, port = _ends(peer)
        if kind not in self._hosts or not port:
            return True
        return is_own_peer((host, port), (self._hosts[kind], self._port))


@lru_cache(maxsize=1_024)
def _ends(peer: str) -> tuple[str, str, int]:
    """Return kind, host and port of a peer as gRPC writes it, such as `ipv4:127.0.0.1:50000`. Port 0 without one."""
    kind, _, address = peer.partition(":")
    host, _, port = unquote(address).rpartition(":")
    return kind, host.strip("[]"), int(port) if port.isdigit() else 0
