"""Operations of pictures and clips that videos start from. Pure."""

from __future__ import annotations

from kinolog_client.http.operation import API_PREFIX, Operation, model_of
from kinolog_client.http.sent_file import FileSource, SentFile
from kinolog_client.models.uploads import UploadInfo

UPLOAD_SECONDS = 120.0
"""How long the gateway may take to answer after the last byte of a file."""


def upload_input(file: FileSource) -> Operation[UploadInfo]:
    """Upload a picture or clip that videos can start from: a path, bytes, or a file open in binary mode.

    The same file is one upload, however often it is sent. Raises `InvalidRequest` for a file that is too large, or none
    that videos can start from, and `OSError` if it cannot be read.
    """
    sent = SentFile(file)
    return Operation(
        method="POST",
        route=f"{API_PREFIX}/inputs",
        file=sent,
        repeatable=sent.repeatable,
        timeout_seconds=UPLOAD_SECONDS,
        read=model_of(UploadInfo),
    )
