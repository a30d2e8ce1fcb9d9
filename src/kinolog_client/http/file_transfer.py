"""One download of a result's file: which bytes to request next. Pure; the transports move the bytes."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Callable, Mapping

from kinolog_client.errors import UnexpectedAnswer
from kinolog_client.http.operation import API_PREFIX, HttpAnswer, Operation
from kinolog_client.http.retry import RetryPolicy
from kinolog_client.models.results import FileInfo

FILES = ("video", "thumbnail", "preview", "scene", "scene_thumbnail", "input")
EXPORT_TYPES = {
    "gif": "image/gif",
    "webp": "image/webp",
    "png": "application/zip",
    "spritesheet": "image/jpeg",
}
"""Media types of exports by their format."""
EXPORT_SECONDS = 660.0
"""How long the gateway may send nothing of an export: an animation arrives as a whole."""
LIVE_SECONDS = 60.0
"""How long the gateway may send nothing of a live video; then the connection is made again."""
CHUNK_BYTES = 1 << 16
_MEDIA_TYPES = {
    "video": ("video/",),
    "thumbnail": ("image/",),
    "preview": ("image/",),
    "scene_thumbnail": ("image/",),
}
"""How the media type of a file begins."""
_SCENE_TYPES = ("video/", "image/")
_ROUTES = {
    "scene": "result/{job_id}/scenes/{index}",
    "scene_thumbnail": "result/{job_id}/scenes/{index}/thumbnail",
    "input": "inputs/{job_id}/{index}",
}
_HASH_TAG = re.compile(r'"([0-9a-f]{64})"')
_DIGEST = re.compile(r"(?:^|[,\s])sha-256=:([A-Za-z0-9+/]{43}=):")
"""The SHA-256 in the header Repr-Digest (RFC 9530)."""
_FIRST_BYTE = re.compile(r"bytes (\d+)-")


def file_operation(
    job_id: str, file: str, scene: int | None = None, index: int | None = None
) -> Operation[FileInfo]:
    """Return the operation that reads a file. Raises ValueError for a kind of file that no job has.

    Its result has the facts of the headers. The bytes are read by `FileTransfer`.
    """
    is_of_scene = file in ("scene", "scene_thumbnail")
    if file not in FILES or is_of_scene is (scene is None) or (file == "input") is (index is None):
        raise ValueError(
            f"file must be one of {', '.join(FILES)}; scene is the index of a scene, index that of an input"
        )
    number = index if file == "input" else scene
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/{_ROUTES.get(file, f'result/{{job_id}}/{file}')}",
        path_values={"job_id": job_id} | ({} if number is None else {"index": str(number)}),
        headers={"Accept-Encoding": "identity"},
        read=_facts_reader(file),
    )


def export_operation(job_id: str, file_format: str) -> Operation[FileInfo]:
    """Return the operation that makes an export. Raises ValueError for an unknown format."""
    if file_format not in EXPORT_TYPES:
        raise ValueError(f"file_format must be one of {', '.join(EXPORT_TYPES)}")
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/result/{{job_id}}/export/{{export_format}}",
        path_values={"job_id": job_id, "export_format": file_format},
        headers={"Accept-Encoding": "identity"},
        read=_facts_reader("export", (EXPORT_TYPES[file_format],)),
        timeout_seconds=EXPORT_SECONDS,
    )


def bundle_operation(params: Mapping[str, str]) -> Operation[FileInfo]:
    """Return the operation that makes a bundle of commits."""
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/audit/bundle",
        params=params,
        headers={"Accept-Encoding": "identity"},
        read=_facts_reader("bundle", ("application/zip",)),
        timeout_seconds=EXPORT_SECONDS,
    )


def live_video_operation(job_id: str) -> Operation[FileInfo]:
    """Return the operation that reads a job while it is rendered. The gateway waits for its first frames."""
    return Operation(
        method="GET",
        route=f"{API_PREFIX}/result/{{job_id}}/stream",
        path_values={"job_id": job_id},
        params={"wait_seconds": "20"},
        headers={"Accept-Encoding": "identity"},
        read=_facts_reader("video"),
        timeout_seconds=LIVE_SECONDS,
    )


def video_info(job_id: str) -> Operation[FileInfo]:
    """Return size, hash and type of the video of a completed job, without its bytes."""
    return Operation(
        method="HEAD",
        route=f"{API_PREFIX}/result/{{job_id}}/video",
        path_values={"job_id": job_id},
        headers={"Accept-Encoding": "identity"},
        read=_facts_reader("video"),
    )


def _facts_reader(file: str, media_types: tuple[str, ...] = _SCENE_TYPES) -> Callable[[HttpAnswer], FileInfo]:
    """Return a function that reads the headers of a file. It raises ValueError for another media type."""

    def read(answer: HttpAnswer) -> FileInfo:
        media_type = answer.headers.get("content-type", "")
        if answer.status not in (200, 206) or not media_type.startswith(_MEDIA_TYPES.get(file, media_types)):
            raise ValueError(f"HTTP {answer.status} with {media_type or 'no media type'} is no file")
        return FileInfo(
            size_bytes=_number(answer.headers.get("content-length")),
            sha256=_hash_in(answer.headers),
            media_type=media_type,
        )

    return read


def _hash_in(headers: Mapping[str, str]) -> str | None:
    """Return the SHA-256 of the whole file in hexadecimal. None if no header states it.

    A proxy that compresses weakens the ETag, but leaves the digest.
    """
    if tag := _HASH_TAG.fullmatch(headers.get("etag", "")):
        return tag[1]
    if digest := _DIGEST.search(headers.get("repr-digest", "")):
        return b64decode(digest[1]).hex()
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


class FileTransfer:
    """Counts and hashes the bytes of a download, and resumes it after a lost connection where it broke off."""

    chunk_bytes: int | None = CHUNK_BYTES
    """How many bytes are received before they are passed on. None for as many as come at once."""

    def __init__(
        self, url: str, operation: Operation[FileInfo], policy: RetryPolicy, *, resumes: bool = True
    ) -> None:
        """`resumes` says whether the gateway has parts of the file: it has none of an export."""
        self.operation = operation
        self._resumes = resumes
        self.received_bytes = 0
        self.size_bytes: int | None = None
        """Size of the whole file. None before the first answer."""
        self._url = url
        self._policy = policy
        self._tag: str | None = None
        self._hash = hashlib.sha256()
        self._expected_hash: str | None = None
        self._failures = 0

    def headers(self) -> dict[str, str]:
        """Return the headers of the next request: for the bytes that are missing."""
        if not self.received_bytes:
            return dict(self.operation.headers)
        condition = {} if self._tag is None else {"If-Range": self._tag}
        return {**self.operation.headers, "Range": f"bytes={self.received_bytes}-", **condition}

    def on_answer(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head of a successful answer.

        Raises `UnexpectedAnswer` for another media type, for another file than before, and for other bytes than those
        that are missing.
        """
        facts = self.operation.result(self._url, HttpAnswer(status, headers, b""))
        tag = headers.get("etag")
        if self.received_bytes and (status != 206 or tag != self._tag):
            raise UnexpectedAnswer(self._url, f"{self.operation.path} changed while it was read", status)
        first = _FIRST_BYTE.match(headers.get("content-range", ""))
        if status == 206 and (first is None or int(first[1]) != self.received_bytes):
            raise UnexpectedAnswer(self._url, f"{self.operation.path} begins at another byte", status)
        length = facts.size_bytes
        self.size_bytes = None if length is None else self.received_bytes + length
        self._tag, self._expected_hash = tag, facts.sha256

    def is_at_end(self, status: int, headers: Mapping[str, str]) -> bool:
        """Return whether a refusal means that all bytes have come. It never does for a file of known size."""
        return False

    def on_chunk(self, chunk: bytes) -> None:
        """Count and hash a chunk."""
        self.received_bytes += len(chunk)
        self._hash.update(chunk)
        self._failures = 0

    def on_end(self) -> None:
        """Check the whole file. Raises `UnexpectedAnswer` if it has another hash than the gateway states."""
        if self._expected_hash not in (None, self._hash.hexdigest()):
            raise UnexpectedAnswer(
                self._url, f"{self.operation.path} arrived with another hash than the gateway states"
            )

    def pause_seconds(self, error: Exception) -> float | None:
        """Return the pause before the download is resumed, in seconds. None to give up."""
        if self.received_bytes and not self._resumes:
            return None
        self._failures += 1
        return self._policy.pause_seconds(error, self._failures, repeatable=True)
