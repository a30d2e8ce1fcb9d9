"""Whose process is at the other end of a connection within this machine. Linux tells; other systems do not."""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]
"""Host and port of one end of a connection."""

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
_HEADER = struct.Struct("=IHHII")
"""Length, type, flags, sequence and port of a message of netlink."""
_REQUEST = struct.Struct("=BBBxI")
"""Family, protocol, extensions and states of `inet_diag_req_v2`, before the id of the socket."""
_ANY_SOCKET = struct.pack("=III", 0, 0xFFFF_FFFF, 0xFFFF_FFFF)
"""No interface, and no cookie."""
_OWNER = struct.Struct("=II")
_OWNER_OFFSET = _HEADER.size + 4 + 48 + 12
"""Where a reply has user and inode: after family and state, the id of the socket, and three numbers."""
ROOT = 0


def is_own_peer(peer: Address, own: Address) -> bool:
    """Return whether a connection comes from a process of this user, or of root. True where the system cannot tell.

    `peer` is the other end of the connection, `own` the end of this process. A connection whose other end is closed
    already belongs to nobody.
    """
    if not sys.platform.startswith("linux"):
        return True
    try:
        reply = _ask(peer, own)
    except OSError:  # no such answers in this container, or not an address
        return True
    (_, kind, *_) = _HEADER.unpack_from(reply)
    if kind == NLMSG_ERROR or len(reply) < _OWNER_OFFSET + _OWNER.size:
        return False
    user, inode = _OWNER.unpack_from(reply, _OWNER_OFFSET)
    return inode != 0 and user in (ROOT, os.geteuid())  # without an inode no process has the socket


def _ask(peer: Address, own: Address) -> bytes:
    """Return what the kernel says about the socket at the other end. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
    ends = struct.pack("!HH", peer[1], own[1]) + b"".join(
        socket.inet_pton(family, host).ljust(16, b"\0") for host, _ in (peer, own)
    )
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0xFFFF_FFFF) + ends + _ANY_SOCKET
    header = _HEADER.pack(_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0)
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG
    ) as asking:
        asking.settimeout(1.0)
        asking.sendto(header + body, (0, 0))
        return asking.recv(4096)
