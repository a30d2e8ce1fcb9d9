"""Pictures and clips, and their way to a running api."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi

WEBM = b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm" + bytes(range(256)) * 1_000
"""What begins like a clip: nothing decodes it before the inference process."""


@cache
def picture(number: int = 0, width: int = 160, height: int = 120) -> bytes:
    """Return a PNG of noise: no two numbers have the same, and none is small."""
    file = BytesIO()
    noise = np.random.default_rng(number).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def parts(
    content: bytes, size: int = 10_000, *, size_bytes: int = 0, sha256: str = ""
) -> Iterator[pb.UploadInputRequest]:
    """Yield the messages of an upload, with `size` bytes of the content each and what its client states."""
    yield pb.UploadInputRequest(file=pb.UploadedFile(size_bytes=size_bytes))
    for start in range(0, len(content), size):
        yield pb.UploadInputRequest(data=content[start : start + size])
    yield pb.UploadInputRequest(end=pb.UploadEnd(sha256=sha256))


async def uploaded(api: RunningApi, content: bytes, metadata: tuple[tuple[str, str], ...] = ()) -> pb.Upload:
    """Upload a file. Return what the api says of it."""
    return (await api.jobs.UploadInput(parts(content), metadata=metadata)).upload


def first_frame(upload: pb.Upload) -> pb.InputReference:
    """Return an upload as the first frame of a job."""
    return pb.InputReference(role=job_pb2.INPUT_ROLE_FIRST_FRAME, upload_id=upload.id)
