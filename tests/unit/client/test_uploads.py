"""Uploads of both clients: from a path, from bytes and from an open file, and videos that start from them."""

from __future__ import annotations

import io
from pathlib import Path

import grpc
import pytest

from kinolog.v1 import job_pb2 as pb
from kinolog_client import InvalidRequest, VideoInput, VideoRequest
from kinolog_client.operations.input_operations import upload_input
from tests.fixtures.unreliable_network import UnreliableNetwork
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi, Refusal

CONTENT = bytes(range(256)) * 3_000


def _received(api: RecordingApi) -> list[bytes]:
    """Return the content of each complete upload."""
    whole = [parts for parts in api.uploads if parts and parts[-1].WhichOneof("part") == "end"]
    return [b"".join(part.data for part in parts) for parts in whole]


@pytest.mark.parametrize("source", ["path", "text", "bytes", "file"])
async def test_a_file_is_uploaded(
    client: EitherClient, api: RecordingApi, tmp_path: Path, source: str
) -> None:
    """Whatever it comes from, and an open file from its beginning."""
    path = tmp_path / "private name.png"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        file.read(10)
        sources = {"path": path, "text": str(path), "bytes": CONTENT, "file": file}
        found = await client.call("upload_input", sources[source])
    assert (found.upload_id, found.media_type, found.width) == ("u" * 26, "image/png", 64)
    assert found.sha256 == canned.upload(CONTENT).sha256
    assert _received(api) == [CONTENT]
    assert "private" not in str(api.uploads)


async def test_a_file_that_is_not_there(client: EitherClient, tmp_path: Path) -> None:
    """It is the error of the operating system, as elsewhere in Python."""
    with pytest.raises(FileNotFoundError):
        await client.call("upload_input", tmp_path / "none.png")


async def test_a_file_that_is_refused(client: EitherClient, api: RecordingApi) -> None:
    """The error says what to send, and names the field."""
    wrong = {"file": "is an animated picture; send one of its frames, or a clip"}
    api.failures["UploadInput"] = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT, "INPUT_UNSUPPORTED", "file: no", wrong
    )
    with pytest.raises(InvalidRequest, match="is an animated picture") as refusal:
        await client.call("upload_input", CONTENT)
    assert (refusal.value.status, refusal.value.reason) == (415, "INPUT_UNSUPPORTED")


async def test_a_lost_connection_sends_the_file_again(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi, tmp_path: Path
) -> None:
    """From the beginning: the same file is one upload."""
    path = tmp_path / "picture.png"
    path.write_bytes(CONTENT)
    network.cuts = [10]
    await distant.call("upload_input", path)
    assert _received(api) == [CONTENT, CONTENT]


def test_a_pipe_is_sent_once() -> None:
    """What cannot be read again is not repeated."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert upload_input(b"x").repeatable
    assert upload_input(io.BytesIO(b"x")).repeatable
    assert not upload_input(Pipe(b"x")).repeatable


async def test_a_video_starts_from_uploads(client: EitherClient, api: RecordingApi) -> None:
    """With the arguments of `generate` and in a request."""
    inputs = [VideoInput("first_frame", "u" * 26), VideoInput("last_frame", "v" * 26)]
    await client.call("generate", "a fox", inputs=inputs)
    await client.call("submit", VideoRequest(prompt="a fox", inputs=tuple(inputs)))
    for request in api.requests("SubmitJob"):
        assert [(one.role, one.upload_id) for one in request.inputs] == [
            (pb.INPUT_ROLE_FIRST_FRAME, "u" * 26),
            (pb.INPUT_ROLE_LAST_FRAME, "v" * 26),
        ]


async def test_an_input_is_saved(client: EitherClient, api: RecordingApi, tmp_path: Path) -> None:
    """As the job lists it, whole and checked."""
    given = pb.JobInput(
        role=pb.INPUT_ROLE_REFERENCE,
        media_type="image/webp",
        size_bytes=len(canned.VIDEO),
        sha256=canned.HASH,
    )
    job = api.add_job(inputs=[given])
    api.files[job.id, pb.ARTIFACT_KIND_INPUT, 0] = canned.VIDEO
    (shown,) = (await client.call("status", job.id)).inputs
    assert (shown.role, shown.media_type, shown.size_bytes) == ("reference", "image/webp", len(canned.VIDEO))
    saved = await client.call("download", job.id, tmp_path / "input.webp", file="input", index=0)
    assert saved.read_bytes() == canned.VIDEO
    with pytest.raises(ValueError, match="index that of an input"):
        await client.call("download", job.id, tmp_path / "input.webp", file="input")
