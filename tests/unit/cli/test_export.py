"""`kinolog export`: places, formats, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinolog.v1 import job_service_pb2 as pb
from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi


@pytest.fixture
def job_id(api: RecordingApi) -> str:
    """A completed job."""
    job = canned.completed(api.add_job(), canned.artifact())
    api.commit(job, "completed")
    return job.id


async def test_an_export_is_saved(kinolog: Kinolog, api: RecordingApi, job_id: str, tmp_path: Path) -> None:
    """The file is at the place that was named; its place is printed, also as JSON."""
    place = tmp_path / "film.gif"
    done = await kinolog("export", job_id, "--as", "GIF", "-o", str(place))
    assert (done.exit_code, done.stdout) == (ExitCode.OK, f"saved as {place}\n")
    assert place.read_bytes() == b"GIF89arest"
    done = await kinolog("export", job_id, "-o", str(place), "--json")
    assert json.loads(done.stdout) == {"job_id": job_id, "format": "gif", "saved": str(place)}


async def test_without_a_place_the_file_has_the_name_of_the_job(
    kinolog: Kinolog, job_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beginning of the id is enough; pictures come in an archive, whose type the gateway states."""
    monkeypatch.chdir(tmp_path)
    assert (await kinolog("export", job_id)).exit_code == ExitCode.OK
    assert (tmp_path / f"{job_id}.gif").read_bytes() == b"GIF89arest"


async def test_the_name_of_the_file_says_what_it_will_be(
    kinolog: Kinolog, api: RecordingApi, job_id: str, tmp_path: Path
) -> None:
    """Unless `--as` does: a name that ends with .webp was a GIF before."""
    names = {"a.gif": "GIF", "a.webp": "WEBP", "a.ZIP": "PNG", "a.jpg": "SPRITE_SHEET", "a": "GIF"}
    for name in names:
        await kinolog("export", job_id, "-o", str(tmp_path / name))
    await kinolog("export", job_id, "-o", str(tmp_path / "b.gif"), "--as", "webp")
    formats = [pb.ExportFormat.Name(request.format) for request in api.requests("ExportVideo")]
    assert formats == [f"EXPORT_FORMAT_{name}" for name in (*names.values(), "WEBP")]


async def test_wrong_exports_are_refused(kinolog: Kinolog, api: RecordingApi, job_id: str) -> None:
    """An unknown format, a suffix of none or a place that cannot be written is wrong usage; nothing is requested."""
    for options in (["--as", "avi"], ["-o", "/nowhere/film.gif"], ["-o", "film.png"]):
        done = await kinolog("export", job_id, *options)
        assert done.exit_code == ExitCode.USAGE, done.stderr
    assert api.requests("ExportVideo") == []


async def test_a_job_shows_its_codec_and_its_title(kinolog: Kinolog, api: RecordingApi) -> None:
    """As they were requested, with the rate factor that counts."""
    job = api.add_job()
    job.spec.codec, job.spec.crf, job.spec.title = "av1", 30, "Herons at dawn"
    api.commit(job, "queued")
    shown = (await kinolog("show", job.id)).stdout
    assert "av1, rate factor 30" in shown
    assert "Herons at dawn" in shown


async def test_a_link_to_a_video(
    kinolog: Kinolog, gateway: RunningGateway, api: RecordingApi, job_id: str
) -> None:
    """The address alone is printed, so that a player takes it; a job without a video has none."""
    done = await kinolog("link", job_id, "--minutes", "60")
    url = done.stdout.removesuffix("\n")
    assert done.exit_code == ExitCode.OK
    assert url == f"{gateway.url}/api/v1/result/{job_id}/video?ticket=kinot1.files"
    assert api.requests("CreateFileTicket")[0].valid_seconds == 3600
    told = json.loads((await kinolog("link", job_id, "--json")).stdout)
    assert (told["url"], told["reads"]) == (url, "files")
    done = await kinolog("link", api.add_job().id)
    assert (done.exit_code, "has no video" in done.stderr) == (ExitCode.REFUSED, True)
