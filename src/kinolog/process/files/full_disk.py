"""Recognise a full disk in the causes of an error."""

from __future__ import annotations

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a disk, or of a quota, that is full."""

NO_ROOM = "the disk of the temporary files is full; the job waits for room"
"""What the error of an attempt says that ended for lack of room."""


def is_full(error: BaseException | None) -> bool:
    """Return whether a full disk is among the causes of an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if isinstance(error, BaseExceptionGroup):
            return any(map(is_full, error.exceptions))
        error = error.__cause__ or error.__context__
    return False
