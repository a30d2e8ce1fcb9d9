"""Whose process is at the other end of a connection within this machine. Linux tells; other systems do not."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from functools import lru_cache
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]
"""Host and port of one end of a connection."""

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
_HEADER = struct.Struct("=IHHII")
"""Length, type, flags, sequence and port of a message of netlink."""
_PORTS = struct.Struct("!HH")
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


class _OpenQuestion:
    """A socket of netlink that stays open: to open and close one takes as long as three answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._descriptor = -1
        self._process = 0
        self._sequence = 0

    def answer(self, kind: int, body: bytes) -> bytes:
        """Return what the kernel answers to a message. Raises `OSError`."""
        with self._lock:
            was_open = self._descriptor >= 0 and self._process == os.getpid()  # a fork has one of its own
            if not was_open:
                self._open()
            try:
                return self._exchange(kind, body)
            except OSError:
                self._close()
                if not was_open:
                    raise
            self._open()
            return self._exchange(kind, body)

    def _exchange(self, kind: int, body: bytes) -> bytes:
        self._sequence = self._sequence % 0xFFFF_FFFF + 1
        header = _HEADER.pack(_HEADER.size + len(body), kind, NLM_F_REQUEST, self._sequence, 0)
        os.write(self._descriptor, header + body)
        reply = os.read(self._descriptor, 4096)  # the kernel has answered by now
        if len(reply) < _HEADER.size or _HEADER.unpack_from(reply)[3] != self._sequence:
            raise OSError("the kernel answered another question")
        return reply

    def _open(self) -> None:
        asking = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
            NETLINK_SOCK_DIAG,
        )
        with asking:
            asking.connect((0, 0))
            self._descriptor, self._process = asking.detach(), os.getpid()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


_QUESTION = _OpenQuestion()


def _ask(peer: Address, own: Address) -> bytes:
    """Return what the kernel says about the socket at the other end. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
    hosts = _packed(family, peer[0]) + _packed(family, own[0])
    ends = _PORTS.pack(peer[1], own[1]) + hosts
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0xFFFF_FFFF) + ends + _ANY_SOCKET
    return _QUESTION.answer(SOCK_DIAG_BY_FAMILY, body)


@lru_cache(maxsize=64)
def _packed(family: int, host: str) -> bytes:
    """Return the address of a host in 16 bytes. Raises `OSError` for a text that is none."""
    return socket.inet_pton(family, host).ljust(16, b"\0")
