"""TCP ports of this machine: choose a free one, and find out why one cannot be used."""

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
PORT_TRIES = 5
"""How often a server is started on another free port, if a program took the one before in the meantime."""
REASONS = {
    errno.EADDRINUSE: "the port is taken",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not listen on that port",
}


def listen_error(host: str, port: int) -> str:
    """Return why a server could not listen on `host:port` now; an empty string if it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without this, a port with connections in TIME_WAIT looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return REASONS.get(error.errno or 0, error.strerror or str(error))
    return ""


def port_is_free(host: str, port: int) -> bool:
    """Return whether a server could listen on `host:port` now."""
    return not listen_error(host, port)


def port_is_taken(host: str, port: int) -> bool:
    """Return whether another server listens on `host:port` now."""
    return listen_error(host, port) == REASONS[errno.EADDRINUSE]


def free_port(host: str = "127.0.0.1") -> int:
    """Return a free port below the ephemeral range.

    A restarted server must get its port back. In the ephemeral range a client that reconnects could be given the
    server's own port and hold it. No port is returned twice, and processes that choose at the same time choose
    from different parts of the range.
    """
    ceiling = max(_ephemeral_floor(), LOWEST_PORT + 1_000)
    width = (ceiling - LOWEST_PORT) // SHARES
    own = LOWEST_PORT + os.getpid() % SHARES * width
    for lowest, highest in ((own, own + width), (LOWEST_PORT, ceiling)):
        for _ in range(TRIES):
            port = random.SystemRandom().randrange(lowest, highest)
            with _returned_lock:
                if port not in _returned and port_is_free(host, port):
                    _returned.add(port)
                    return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


_returned_lock = threading.Lock()
_returned: set[int] = set()


def _ephemeral_floor() -> int:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        return int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_EPHEMERAL_FLOOR
