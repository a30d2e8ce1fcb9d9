"""Exit codes. They are an interface: scripts depend on them, so a code never changes its meaning."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    """Done."""
    FAILED = 1
    """The job failed, or a check found something wrong."""
    USAGE = 2
    """The command line or a value in it is wrong; nothing was done."""
    NOT_FOUND = 3
    """There is no such job."""
    REFUSED = 4
    """The job does not accept this in its current status."""
    UNREACHABLE = 5
    """The service cannot be reached, or a part of it is away."""
    DENIED = 6
    """The key is missing or wrong."""
    CANCELLED = 7
    """The job was cancelled."""
    INTERRUPTED = 130
    """Ctrl-C."""


BY_HTTP_STATUS = {
    400: ExitCode.USAGE,
    401: ExitCode.DENIED,
    403: ExitCode.DENIED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.REFUSED,
    412: ExitCode.REFUSED,
    413: ExitCode.USAGE,
    422: ExitCode.USAGE,
}
"""Exit codes of HTTP answers. Every other error is UNREACHABLE."""

BY_JOB_STATUS = {"completed": ExitCode.OK, "failed": ExitCode.FAILED, "cancelled": ExitCode.CANCELLED}
"""Exit codes of a job that has ended."""
