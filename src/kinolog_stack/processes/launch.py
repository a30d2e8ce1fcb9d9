"""Become another program that dies with its parent. Run as a script, by file name, before that program.

`python -I -S launch.py <signal> <parent pid> <uid:gid or -> <program> [argument ...]`

It gives up root for `uid:gid` where one is named, asks the kernel to send `signal` to this process when its
parent dies (on Linux), and then becomes `program`. A small program of its own, because code between fork and
exec in a threaded process can deadlock, and because the kernel forgets the wish when the user changes.
Standard library only; nothing of kinolog is imported.
"""

from __future__ import annotations

import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Replace this process; raises OSError when the program cannot be run."""
    death_signal, parent, user, *program = arguments
    prctl = None
    if sys.platform == "linux":
        import ctypes

        prctl = ctypes.CDLL(None, use_errno=True).prctl
    if user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the parent died before its child was set up")
    os.execv(program[0], program)  # noqa: S606 - becoming the program that was named is the whole purpose


if __name__ == "__main__":
    main(sys.argv[1:])
