"""Exit codes. They are an interface: scripts depend on them, so a code never changes its meaning."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says."""

    OK = 0
    """Done."""
    FAILED = 1
    """The job failed, or a check found something wrong."""
    USAGE = 2
    """The command line or a value in it is wrong; nothing was done."""
    NOT_FOUND = 3
    """There is no such job."""
    REFUSED = 4
    """The job does not take this in its state."""
    UNREACHABLE = 5
    """The service cannot be reached, or a part of it is away."""
    DENIED = 6
    """The key is missing or wrong."""
    CANCELLED = 7
    """The job was cancelled."""
    INTERRUPTED = 130
    """Ctrl-C."""


BY_HTTP_STATUS = {
    400: Exit.USAGE,
    401: Exit.DENIED,
    403: Exit.DENIED,
    404: Exit.NOT_FOUND,
    409: Exit.REFUSED,
    412: Exit.REFUSED,
    413: Exit.USAGE,
    422: Exit.USAGE,
}
"""Exit codes of HTTP answers; every other error is UNREACHABLE."""

BY_JOB_STATUS = {"completed": Exit.OK, "failed": Exit.FAILED, "cancelled": Exit.CANCELLED}
"""Exit codes of a job that has ended."""
