"""Files of a result: streamed, saved whole or not at all, resumed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import sys
import threading
from base64 import b64encode
from pathlib import Path

import httpx
import pytest

from kinolog.v1 import job_pb2 as pb
from kinolog_client import Conflict, NotFound, UnexpectedAnswer
from kinolog_client.http.file_transfer import FileTransfer, export_operation, file_operation
from kinolog_client.http.retry import RetryPolicy
from tests.fixtures.devices import FULL, NULL, STANDARD_OUTPUT, device_at
from tests.fixtures.flushes import Flushes
from tests.fixtures.unreliable_network import UnreliableNetwork
from tests.unit.client.canned_server import canned_server
from tests.unit.client.either_client import EitherClient
from tests.unit.client.test_operations import completed_job
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi

JOB = "a" * 26


async def test_every_kind_of_file(client: EitherClient, api: RecordingApi, tmp_path: Path) -> None:
    """Video, thumbnail, preview, a scene and its thumbnail are saved at the path of the argument."""
    job = completed_job(api)
    for file, scene, content in (
        ("video", None, canned.VIDEO),
        ("thumbnail", None, b"picture"),
        ("preview", None, b"picture"),
        ("scene", 1, b"scene"),
        ("scene_thumbnail", 1, b"picture"),
    ):
        path = await client.call("download", job.id, tmp_path / file, file=file, scene=scene)
        assert path.read_bytes() == content
    assert b"".join(await client.items("stream", job.id)) == canned.VIDEO
    assert sorted(os.listdir(tmp_path)) == ["preview", "scene", "scene_thumbnail", "thumbnail", "video"]


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


async def test_a_pipe_is_written_into(client: EitherClient, api: RecordingApi, tmp_path: Path) -> None:
    """A pipe stays a pipe, and its reader gets the file."""
    job = completed_job(api)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = asyncio.get_running_loop().run_in_executor(None, pipe.read_bytes)
    await client.call("download", job.id, pipe)
    assert await reading == canned.VIDEO
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


async def test_two_downloads_to_one_place(client: EitherClient, api: RecordingApi, tmp_path: Path) -> None:
    """Two that save the same file at once both succeed, and the file is whole."""
    job = completed_job(api)
    both = [client.call("download", job.id, tmp_path / "v") for _ in range(2)]
    assert await asyncio.gather(*both) == [tmp_path / "v"] * 2
    assert (tmp_path / "v").read_bytes() == canned.VIDEO
    assert os.listdir(tmp_path) == ["v"]


async def test_a_device_is_written_into(client: EitherClient, api: RecordingApi, tmp_path: Path) -> None:
    """A device stays a device, also one that a link names; one that is full is an error of the system."""
    job = completed_job(api)
    null, full = device_at(tmp_path / "null", NULL), device_at(tmp_path / "full", FULL)
    link = tmp_path / "link"
    link.symlink_to(null)
    for place in (null, link):
        await client.call("download", job.id, place)
    with pytest.raises(OSError, match="No space left"):
        await client.call("download", job.id, full)
    assert stat.S_ISCHR(null.stat().st_mode)
    assert stat.S_ISCHR(full.stat().st_mode)
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["full", "link", "null"]


async def test_a_link_stays_a_link(client: EitherClient, api: RecordingApi, tmp_path: Path) -> None:
    """What a link points to is replaced, also where nothing is there yet."""
    job = completed_job(api)
    (tmp_path / "folder").mkdir()
    for name in ("folder/old", "folder/new"):
        link = tmp_path / "link"
        link.symlink_to(tmp_path / name)
        (tmp_path / "folder/old").write_bytes(b"old")
        await client.call("download", job.id, link)
        assert link.is_symlink()
        assert (tmp_path / name).read_bytes() == canned.VIDEO
        link.unlink()
    assert sorted(os.listdir(tmp_path / "folder")) == ["new", "old"]


async def test_a_folder_is_no_place_for_a_file(
    client: EitherClient, api: RecordingApi, tmp_path: Path
) -> None:
    """A folder is refused as such, and stays empty."""
    with pytest.raises(IsADirectoryError):
        await client.call("download", completed_job(api).id, tmp_path)
    assert os.listdir(tmp_path) == []


async def test_standard_output_in_a_file(api: RecordingApi, gateway: RunningGateway, tmp_path: Path) -> None:
    """A link to standard output writes where standard output goes, whatever that is."""
    job = completed_job(api)
    call = f"KinologClient({gateway.url!r}).download({job.id!r}, {STANDARD_OUTPUT!r})"
    code = f"from kinolog_client import KinologClient; {call}"
    with (tmp_path / "out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=out)
        assert await process.wait() == 0
    assert (tmp_path / "out").read_bytes() == canned.VIDEO
    assert os.listdir(tmp_path) == ["out"]


async def test_a_broken_download_is_resumed(
    distant: EitherClient, network: UnreliableNetwork, api: RecordingApi, tmp_path: Path
) -> None:
    """A connection that is lost in the middle is resumed by range, and the file is whole."""
    job = completed_job(api)
    network.cuts = [100_000]
    path = await distant.call("download", job.id, tmp_path / "v")
    assert path.read_bytes() == canned.VIDEO
    first, second = api.requests("ReadArtifact")
    assert first.offset == 0
    assert 0 < second.offset < len(canned.VIDEO)


def test_a_file_that_changed_meanwhile_is_refused() -> None:
    """A resumed download that is answered from the beginning is not appended."""
    transfer = FileTransfer("http://x", file_operation("a", "video", None), RetryPolicy())
    transfer.on_answer(200, {"content-length": "10", "etag": '"t"', "content-type": "video/mp4"})
    transfer.on_chunk(b"1234")
    assert transfer.headers()["Range"] == "bytes=4-"
    assert transfer.headers()["If-Range"] == '"t"'
    with pytest.raises(UnexpectedAnswer, match="changed"):
        transfer.on_answer(200, {"content-length": "12", "etag": '"t"', "content-type": "video/mp4"})
    resumed = {"content-length": "6", "content-type": "video/mp4"}
    with pytest.raises(UnexpectedAnswer, match="changed"):
        transfer.on_answer(206, resumed | {"etag": '"u"', "content-range": "bytes 4-9/10"})
    with pytest.raises(UnexpectedAnswer, match="another byte"):
        transfer.on_answer(206, resumed | {"etag": '"t"', "content-range": "bytes 3-9/10"})
    transfer.on_answer(206, resumed | {"etag": '"t"', "content-range": "bytes 4-9/10"})
    assert transfer.size_bytes == 10
    with pytest.raises(UnexpectedAnswer, match="no file"):
        transfer.on_answer(302, {})


@pytest.mark.parametrize("flavour", ["blocking", "async"])
@pytest.mark.parametrize("file", ["video", "thumbnail", "preview", "scene"])
async def test_a_page_is_not_saved_as_a_file(flavour: str, file: str, tmp_path: Path) -> None:
    """A server that answers everything with a page, or a video with a picture, is not the gateway."""
    scene = 0 if file == "scene" else None
    for media_type in ("text/html; charset=utf-8", "application/json"):
        async with canned_server(200, b"<html>", Content_Type=media_type) as url:
            other = EitherClient(flavour, url, retries=0)
            with pytest.raises(UnexpectedAnswer, match="no file"):
                await other.call("download", JOB, tmp_path / "v", file=file, scene=scene)
            with pytest.raises(UnexpectedAnswer, match="no file"):
                await other.call("video_info", JOB)
            await other.close()
    async with canned_server(200, b"x", Content_Type="image/png") as url:
        other = EitherClient(flavour, url, retries=0)
        with pytest.raises(UnexpectedAnswer, match="image/png is no file"):
            await other.call("download", JOB, tmp_path / "v")
        await other.close()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("flavour", ["blocking", "async"])
async def test_other_bytes_are_not_saved(flavour: str, tmp_path: Path) -> None:
    """The file must have the hash of the ETag or of Repr-Digest; the file of before stays. Other ETags are no hash."""
    right, wrong = hashlib.sha256(b"film").hexdigest(), hashlib.sha256(b"other").hexdigest()
    place = tmp_path / "v"
    for tag in (f'"{right}"', '"v1"', f'W/"{wrong}"'):
        async with canned_server(200, b"film", Content_Type="video/mp4", ETag=tag) as url:
            either = EitherClient(flavour, url, retries=0)
            assert (await either.call("download", JOB, place)).read_bytes() == b"film"
            await either.close()
    async with canned_server(200, b"film!", Content_Type="video/mp4", ETag=f'"{right}"') as url:
        either = EitherClient(flavour, url, retries=0)
        with pytest.raises(UnexpectedAnswer, match="another hash"):
            await either.call("download", JOB, place)
        with pytest.raises(UnexpectedAnswer, match="another hash"):
            await either.items("stream", JOB)
        await either.close()
    digest = f"sha-256=:{b64encode(bytes.fromhex(right)).decode()}:"
    headers = {"Content_Type": "video/mp4", "ETag": f'W/"{right}"', "Repr_Digest": digest}
    for content in (b"film", b"film!"):
        async with canned_server(200, content, refusals=0, **headers) as url:
            either = EitherClient(flavour, url, retries=0)
            assert (await either.call("video_info", JOB)).sha256 == right
            if content == b"film":
                await either.call("download", JOB, place)
            else:
                with pytest.raises(UnexpectedAnswer, match="another hash"):
                    await either.call("download", JOB, place)
            await either.close()
    assert place.read_bytes() == b"film"
    assert os.listdir(tmp_path) == ["v"]


async def test_every_job_page_by_page(client: EitherClient, api: RecordingApi) -> None:
    """`iterate_jobs` follows the cursors to the last page."""
    jobs = [api.add_job(status=pb.STATUS_QUEUED) for _ in range(3)]
    assert [job.job_id async for job in client.each("iterate_jobs")] == [job.id for job in jobs]


async def test_a_saved_file_is_flushed_beside_the_event_loop(
    client: EitherClient,
    api: RecordingApi,
    tmp_path: Path,
    flushes: Flushes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The content is flushed before the file has its name, and a slow disk holds up no other task."""
    threads: list[int] = []
    fsync = os.fsync

    def noted_fsync(handle: int) -> None:
        threads.append(threading.get_ident())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    await client.call("download", completed_job(api).id, tmp_path / "film")
    (flushed, renamed) = [(kind, path.name) for kind, path in flushes.paths if path.parent == tmp_path]
    assert (flushed[0], renamed) == ("flush", ("rename", "film"))
    assert flushed[1].endswith(".part")
    assert threading.get_ident() not in threads


async def test_an_export_is_saved(client: EitherClient, api: RecordingApi, tmp_path: Path) -> None:
    """An export is saved whole; another format is refused before anything is sent."""
    job = completed_job(api)
    path = await client.call("export", job.id, tmp_path / "film.gif")
    assert path.read_bytes() == b"GIF89arest"
    with pytest.raises(ValueError, match="file_format must be one of gif, webp, png"):
        await client.call("export", job.id, tmp_path / "film.avi", file_format="avi")
    assert [request.format for request in api.requests("ExportVideo")] == [1]
    assert os.listdir(tmp_path) == ["film.gif"]


def test_an_export_is_not_resumed() -> None:
    """The gateway has no parts of an export: once bytes have come, a lost connection is the end."""
    operation = export_operation("a" * 26, "gif")
    transfer = FileTransfer("http://gateway", operation, RetryPolicy(2), resumes=False)
    error = httpx.ReadError("lost")
    assert transfer.pause_seconds(error) is not None
    transfer.on_chunk(b"GIF")
    assert transfer.pause_seconds(error) is None
