"""Choosing TCP ports on this machine, and seeing whether one is taken."""

from __future__ import annotations

import errno
import os
import random
import socket
import threading
from pathlib import Path

LOWEST_PORT = 16_000
USUAL_EPHEMERAL_FLOOR = 32_768
SHARES = 64
TRIES = 200
REASONS = {
    errno.EADDRINUSE: "the port is taken",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not listen on that port",
}


def listening_problem(host: str, port: int) -> str:
    """Why a server could not listen on `host:port` now, in words; empty when it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without this, a port whose last connections still linger in TIME_WAIT looks taken, and it is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return REASONS.get(error.errno or 0, error.strerror or str(error))
    return ""


def port_is_free(host: str, port: int) -> bool:
    """True when a server could listen on `host:port` now."""
    return not listening_problem(host, port)


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on, below the range from which the system gives ports to clients.

    A server that is killed and started again must get its port back. From the ephemeral range it might not: a
    client that keeps trying to reconnect can be given the server's own port and hold it. No port is handed out
    twice, and processes that choose at the same time choose from different parts of the range.
    """
    ceiling = max(_ephemeral_floor(), LOWEST_PORT + 1_000)
    width = (ceiling - LOWEST_PORT) // SHARES
    own = LOWEST_PORT + os.getpid() % SHARES * width
    for lowest, highest in ((own, own + width), (LOWEST_PORT, ceiling)):
        for _ in range(TRIES):
            port = random.SystemRandom().randrange(lowest, highest)
            with _handing_out:
                if port not in _handed_out and port_is_free(host, port):
                    _handed_out.add(port)
                    return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


_handing_out = threading.Lock()
_handed_out: set[int] = set()


def _ephemeral_floor() -> int:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        return int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_EPHEMERAL_FLOOR
