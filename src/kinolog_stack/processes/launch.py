"""Become another program that dies with its parent. Run as a script, by file name.

`python -I -S launch.py <signal> <parent pid> <uid:gid, =uid or -> <program> [argument ...]`

It changes to `uid:gid` if one is given, or appears to itself as the user `=uid` without being it. It has the kernel
send `signal` to this process when the parent dies (on Linux), and then executes `program`. It is a program of its own
because code between fork and exec in a threaded process can deadlock, and because the kernel resets the death signal
when the user changes. It uses the standard library only. See decision 11.
"""

from __future__ import annotations

import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000


def main(arguments: list[str]) -> None:
    """Replace this process. Raises `OSError` if the program cannot be executed."""
    death_signal, parent, user, *program = arguments
    prctl = None
    if sys.platform == "linux":
        import ctypes

        prctl = ctypes.CDLL(None, use_errno=True).prctl
    if user.startswith("="):
        appear_as(int(user[1:]))
    elif user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the parent died before its child was started")
    os.execv(program[0], program)  # noqa: S606 - executing the given program is the purpose


def appear_as(uid: int) -> None:
    """Show this process to itself as another user, in a user namespace. Its files belong to its own user.

    Raises `OSError` where the system allows no user namespaces.
    """
    import ctypes

    own_uid, own_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "this system allows no user namespaces")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {own_uid} 1"),
        ("gid_map", f"{own_gid} {own_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
