"""Why a model cannot be downloaded. Each message says what to do."""

from __future__ import annotations

from kinolog.job.values import HUB_UNREACHABLE, MODEL_DISK_FULL


class DownloadFailed(Exception):
    """A model cannot be downloaded. `code` is the error code of a job that needs it.

    `retryable` says whether another try may succeed without a change of the request.
    """

    code = "DOWNLOAD_FAILED"
    retryable = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NoSuchModel(DownloadFailed):
    """The hub has no such model or revision, or not the files that kinolog loads."""

    code = "MODEL_NOT_FOUND"
    retryable = False


class AccessDenied(DownloadFailed):
    """The hub does not give the model to this account."""

    code = "MODEL_ACCESS_DENIED"
    retryable = False


class HubUnreachable(DownloadFailed):
    """The hub does not answer, or sends no bytes. It may later."""

    code = HUB_UNREACHABLE


class FileDamaged(DownloadFailed):
    """What the hub sends of a file has not the hash that it states."""


class NoRoomForModel(DownloadFailed):
    """The disk of downloaded models has no room for it."""

    code = MODEL_DISK_FULL


class CacheUnusable(NoRoomForModel):
    """The folder of downloaded models cannot be written or read."""


def failure_with(code: str, message: str) -> DownloadFailed:
    """Return the failure with a code, as another process stated it."""
    kinds = (NoSuchModel, AccessDenied, HubUnreachable, NoRoomForModel)
    return next((kind for kind in kinds if kind.code == code), DownloadFailed)(message)
