"""Files of a result: streamed, saved whole or not at all, resumed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kinolog.v1 import job_pb2 as pb
from kinolog_client import Conflict, NotFound, UnexpectedAnswer
from kinolog_client.http.file_transfer import FileTransfer, file_operation
from kinolog_client.http.retry import RetryPolicy
from tests.unit.client.either_client import EitherClient
from tests.unit.client.test_operations import completed_job
from tests.unit.client.unreliable_network import UnreliableNetwork
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi


async def test_every_kind_of_file(client: EitherClient, api: RecordingApi, tmp_path: Path) -> None:
    """Video, thumbnail, preview and a scene are saved at the path of the argument."""
    job = completed_job(api)
    for file, scene, content in (
        ("video", None, canned.VIDEO),
        ("thumbnail", None, b"picture"),
        ("preview", None, b"picture"),
        ("scene", 1, b"scene"),
    ):
        path = await client.call("download", job.id, tmp_path / file, file=file, scene=scene)
        assert path.read_bytes() == content
    assert b"".join(await client.items("stream", job.id)) == canned.VIDEO
    assert sorted(os.listdir(tmp_path)) == ["preview", "scene", "thumbnail", "video"]


async def test_progress_is_reported(client: EitherClient, api: RecordingApi, tmp_path: Path) -> None:
    """The bytes so far grow up to the size."""
    job = completed_job(api)
    seen: list[tuple[int, int | None]] = []
    await client.call(
        "download", job.id, str(tmp_path / "v"), on_progress=lambda done, size: seen.append((done, size))
    )
    assert seen[-1] == (len(canned.VIDEO), len(canned.VIDEO))
    assert len(seen) > 1
    assert seen == sorted(seen)


async def test_a_failed_download_leaves_the_old_file(
    client: EitherClient, api: RecordingApi, tmp_path: Path
) -> None:
    """A refused download changes nothing; a place that cannot be written is an error of the system."""
    old = tmp_path / "v"
    old.write_bytes(b"old")
    with pytest.raises(Conflict):
        await client.call("download", api.add_job().id, old)
    with pytest.raises(NotFound):
        await client.call("download", completed_job(api).id, old, file="scene", scene=0)
    assert os.listdir(tmp_path) == ["v"]
    assert old.read_bytes() == b"old"
    with pytest.raises(FileNotFoundError):
        await client.call("download", completed_job(api).id, tmp_path / "no" / "v")
    with pytest.raises(ValueError, match="one of video"):
        await client.call("download", "a", old, file="poster")


async def test_a_broken_download_is_resumed(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi, tmp_path: Path
) -> None:
    """A connection that is lost in the middle is resumed by range, and the file is whole."""
    job = completed_job(api)
    network.cut_after_bytes = 100_000
    path = await distant.call("download", job.id, tmp_path / "v")
    assert path.read_bytes() == canned.VIDEO
    first, second = api.requests("ReadArtifact")
    assert first.offset == 0
    assert 0 < second.offset < len(canned.VIDEO)


def test_a_file_that_changed_meanwhile_is_refused() -> None:
    """A resumed download that is answered from the beginning is not appended."""
    transfer = FileTransfer("http://x", file_operation("a", "video", None), RetryPolicy())
    transfer.on_answer(200, {"content-length": "10", "etag": '"t"'})
    transfer.on_chunk(b"1234")
    assert transfer.headers()["Range"] == "bytes=4-"
    assert transfer.headers()["If-Range"] == '"t"'
    with pytest.raises(UnexpectedAnswer, match="changed"):
        transfer.on_answer(200, {"content-length": "12"})
    with pytest.raises(UnexpectedAnswer, match="no file"):
        transfer.on_answer(302, {})


async def test_every_job_page_by_page(client: EitherClient, api: RecordingApi) -> None:
    """`iterate_jobs` follows the cursors to the last page."""
    jobs = [api.add_job(status=pb.STATUS_QUEUED) for _ in range(3)]
    assert [job.job_id async for job in client.each("iterate_jobs")] == [job.id for job in jobs]
