"""Keeps encoders from running in real time.

SVT-AV1 gives the thread that opens it the scheduling class SCHED_FIFO if the process is one of root. The threads of the
encoder and every process started afterwards inherit the class, and nothing else runs on a busy machine (decision 88).
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

_CAP_SYS_NICE = 23
_PR_CAPBSET_DROP = 24
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


class _CapabilityHeader(ctypes.Structure):
    """What `capget` and `capset` are about. A `pid` of 0 is the calling thread."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySets(ctypes.Structure):
    """The sets of 32 capabilities. The kernel has two of these for each thread."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def forbid_real_time() -> None:
    """Take from this thread, and from all that it starts, the right to a real-time class.

    The kernel grants a real-time class to a thread that has the capability CAP_SYS_NICE, and up to the priority of
    RLIMIT_RTPRIO to any other. This drops the one and sets the other to 0. Nothing changes where there is neither, as
    in most containers, and on other systems than Linux. Raises OSError.
    """
    if sys.platform != "linux":
        return
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    header = _CapabilityHeader(_LINUX_CAPABILITY_VERSION_3, 0)
    sets = (_CapabilitySets * 2)()
    _checked(libc.capget(ctypes.byref(header), sets))
    kept = ~(1 << _CAP_SYS_NICE)
    low = sets[0]
    if low.effective & kept == low.effective and low.permitted & kept == low.permitted:
        return
    # Without this a program of root has it again. Only a thread that may change the set needs to.
    libc.prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0)
    low.effective &= kept
    low.permitted &= kept
    low.inheritable &= kept
    _checked(libc.capset(ctypes.byref(header), sets))


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
