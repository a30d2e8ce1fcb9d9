"""Where a call comes from: for log lines, and to refuse other accounts of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import unquote

from kinolog.connections.local_peer import is_own_peer
from kinolog_api.rpc.arriving_messages import Context

CLIENT_ADDRESS_KEY = "x-kinolog-client-address"
"""Metadata with the address of the client for whom a gateway calls. It is for log lines, and not trusted."""
MAX_ADDRESS_LENGTH = 64


def call_origin(context: Context) -> Mapping[str, str]:
    """Return where a call comes from, as fields of a log line: the peer, and the client that a gateway names."""
    metadata = context.invocation_metadata() or ()
    named = next((str(value) for name, value in metadata if name == CLIENT_ADDRESS_KEY), "")
    client = named[:MAX_ADDRESS_LENGTH] if named.isprintable() else ""
    return {"peer": context.peer(), **({"client": client} if client else {})}


class OwnUserCalls:
    """Tells calls of this user's processes from those of other accounts, on a server that listens on loopback."""

    def __init__(self, host: str, port: int) -> None:
        self._port = port
        self._hosts = {"ipv4": "127.0.0.1", "ipv6": "::1"}
        with suppress(ValueError):  # a name: localhost
            self._hosts[f"ipv{ip_address(host).version}"] = host

    def admits(self, context: Context) -> bool:
        """Return whether a call comes from a process of this user, or of root."""
        kind, host, port = _ends(context.peer())
        if kind not in self._hosts or not port:
            return True
        return is_own_peer((host, port), (self._hosts[kind], self._port))


@lru_cache(maxsize=1_024)
def _ends(peer: str) -> tuple[str, str, int]:
    """Return kind, host and port of a peer as gRPC writes it, such as `ipv4:127.0.0.1:50000`. Port 0 without one."""
    kind, _, address = peer.partition(":")
    host, _, port = unquote(address).rpartition(":")
    return kind, host.strip("[]"), int(port) if port.isdigit() else 0
