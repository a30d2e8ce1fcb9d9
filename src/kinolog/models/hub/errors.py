"""Why a model cannot be downloaded. Each message says what to do."""

from __future__ import annotations

from kinolog.job.values import HUB_UNREACHABLE, MODEL_DISK_FULL


class DownloadFailed(Exception):
    """A model cannot be downloaded. `code` is the error code of a job that needs it."""

    code = "MODEL_NOT_FOUND"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NoSuchModel(DownloadFailed):
    """The hub has no such model or revision, or not the files that kinolog loads."""


class AccessDenied(DownloadFailed):
    """The hub does not give the model to this account."""

    code = "MODEL_ACCESS_DENIED"


class HubUnreachable(DownloadFailed):
    """The hub does not answer, or sends no bytes. It may later."""

    code = HUB_UNREACHABLE


class NoRoomForModel(DownloadFailed):
    """The disk of downloaded models has no room for it."""

    code = MODEL_DISK_FULL


LATER_CODES = frozenset({HubUnreachable.code, NoRoomForModel.code})
"""Codes of what may succeed later without a change of the request."""
