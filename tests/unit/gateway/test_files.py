"""A result's files: ranges, tags, heads, and failing reads."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import grpc
import pytest
from kinolog_gateway.http.byte_ranges import ByteRange, RangeNotSatisfiable, not_modified, requested_range

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as pb_jobs
from tests.fixtures.waits import WAIT_SECONDS
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi, Refusal
from tests.unit.gateway.test_bad_input import problem_of
from tests.unit.gateway.test_path_aliases import JOB_IDS, VALUES, served_routes

THUMBNAIL = b"RIFFwebp"
LATER_KIND: Any = 99


def finished(api: RecordingApi) -> pb.Job:
    """A completed job with a video and a thumbnail."""
    job = canned.completed(
        api.add_job(),
        canned.artifact(),
        canned.artifact(pb.ARTIFACT_KIND_THUMBNAIL, THUMBNAIL),
    )
    api.files[job.id, pb.ARTIFACT_KIND_VIDEO, 0] = canned.VIDEO
    api.files[job.id, pb.ARTIFACT_KIND_THUMBNAIL, 0] = THUMBNAIL
    return api.commit(job, "completed")


async def test_facts_of_a_result(gateway: RunningGateway, api: RecordingApi) -> None:
    """A result has the facts of the video and links to the existing files."""
    job = finished(api)
    body = (await gateway.client.get(f"/api/v1/result/{job.id}")).json()
    assert (body["media"]["codec"], body["media"]["frames"]) == ("h264", 16)
    assert (body["media"]["audio_codec"], body["media"]["audio_sample_rate"]) == ("aac", 24_000)
    assert body["artifacts"][0]["sha256"] == canned.HASH
    assert body["links"]["video"] == f"/api/v1/result/{job.id}/video"
    assert body["links"]["thumbnail"] == f"/api/v1/result/{job.id}/thumbnail"
    assert body["links"]["preview"] is None
    assert body["completed_at"] == "2026-11-22T15:00:15Z"


async def test_files_of_a_later_version(gateway: RunningGateway, api: RecordingApi) -> None:
    """A kind of file that this gateway does not know hides no other: job, list and result leave it out."""
    job = canned.completed(api.add_job(), canned.artifact(), canned.artifact(LATER_KIND, b"?"))
    api.commit(job, "completed")
    for path in (f"/api/v1/status/{job.id}", f"/api/v1/result/{job.id}"):
        body = (await gateway.client.get(path)).json()
        assert [artifact["kind"] for artifact in body["artifacts"]] == ["video"], path
    assert (await gateway.client.get("/api/v1/jobs")).json()["jobs"][0]["job_id"] == job.id


async def test_a_result_that_is_not_there_yet(gateway: RunningGateway, api: RecordingApi) -> None:
    """Before the job is completed, its result and its files are refused with 409."""
    job = api.add_job()
    for path in ("", "/video", "/thumbnail", "/manifest"):
        problem = problem_of(await gateway.client.get(f"/api/v1/result/{job.id}{path}"), 409)
        assert problem["reason"] == "NOT_COMPLETED"


async def test_the_whole_video(gateway: RunningGateway, api: RecordingApi) -> None:
    """A video is returned with its length, type, name and tag."""
    job = finished(api)
    response = await gateway.client.get(f"/api/v1/result/{job.id}/video")
    assert response.status_code == 200
    assert response.content == canned.VIDEO
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["content-length"] == str(len(canned.VIDEO))
    assert response.headers["etag"] == f'"{canned.HASH}"'
    assert response.headers["repr-digest"] == f"sha-256=:{b64encode(bytes.fromhex(canned.HASH)).decode()}:"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-disposition"] == f'inline; filename="{job.id}.mp4"'


@pytest.mark.parametrize(
    ("byte_range", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, len(canned.VIDEO) - 1),
        ("bytes=-5", len(canned.VIDEO) - 5, len(canned.VIDEO) - 1),
        ("bytes=255990-999999999", 255_990, len(canned.VIDEO) - 1),
    ],
)
async def test_a_part_of_the_video(
    gateway: RunningGateway, api: RecordingApi, byte_range: str, first: int, last: int
) -> None:
    """Range returns only these bytes, and no more is read from the api."""
    job = finished(api)
    response = await gateway.client.get(f"/api/v1/result/{job.id}/video", headers={"Range": byte_range})
    assert response.status_code == 206
    assert response.content == canned.VIDEO[first : last + 1]
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(canned.VIDEO)}"
    assert response.headers["content-length"] == str(last - first + 1)
    assert api.read_bytes == last - first + 1


async def test_a_range_after_the_end(gateway: RunningGateway, api: RecordingApi) -> None:
    """A range after the end is refused with the size of the file."""
    job = finished(api)
    response = await gateway.client.get(f"/api/v1/result/{job.id}/video", headers={"Range": "bytes=256000-"})
    assert problem_of(response, 416)["reason"] == "RANGE_NOT_SATISFIABLE"
    assert response.headers["content-range"] == "bytes */256000"
    endless = {"Range": f"bytes={'9' * 5000}-"}
    whole = await gateway.client.get(f"/api/v1/result/{job.id}/video", headers=endless)
    assert (whole.status_code, len(whole.content)) == (200, len(canned.VIDEO))


async def test_a_video_that_the_client_has(gateway: RunningGateway, api: RecordingApi) -> None:
    """If-None-Match with the tag returns 304 and reads nothing; with another tag it returns the video."""
    job = finished(api)
    path, tag = f"/api/v1/result/{job.id}/video", f'"{canned.HASH}"'
    for value in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = await gateway.client.get(path, headers={"If-None-Match": value})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
    assert api.read_bytes == 0
    assert (await gateway.client.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_a_range_of_another_version(gateway: RunningGateway, api: RecordingApi) -> None:
    """If-Range with another tag returns the complete video."""
    job = finished(api)
    headers = {"Range": "bytes=0-9", "If-Range": '"other"'}
    response = await gateway.client.get(f"/api/v1/result/{job.id}/video", headers=headers)
    assert (response.status_code, len(response.content)) == (200, len(canned.VIDEO))


async def test_heads(gateway: RunningGateway, api: RecordingApi) -> None:
    """HEAD returns the headers of GET without reading the file."""
    job = finished(api)
    response = await gateway.client.head(f"/api/v1/result/{job.id}/video")
    assert (response.status_code, response.headers["content-length"]) == (200, "256000")
    assert response.headers["etag"] == f'"{canned.HASH}"'
    part = await gateway.client.head(f"/api/v1/result/{job.id}/video", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.headers["content-length"]) == (206, "10")
    assert api.read_bytes == 0


async def test_every_get_has_a_head(gateway: RunningGateway, api: RecordingApi) -> None:
    """HEAD has the status and headers of GET and no body."""
    job = canned.completed(
        canned.started(api.add_job()),
        canned.artifact(),
        canned.artifact(pb.ARTIFACT_KIND_THUMBNAIL, THUMBNAIL),
        canned.artifact(pb.ARTIFACT_KIND_PREVIEW, THUMBNAIL),
    )
    job.scenes[0].artifact.CopyFrom(canned.artifact(pb.ARTIFACT_KIND_SCENE, b"scene"))
    api.commit(job, "completed")
    api.files[job.id, pb.ARTIFACT_KIND_VIDEO, 0] = canned.VIDEO
    api.files[job.id, pb.ARTIFACT_KIND_THUMBNAIL, 0] = THUMBNAIL
    api.files[job.id, pb.ARTIFACT_KIND_PREVIEW, 0] = THUMBNAIL
    api.files[job.id, pb.ARTIFACT_KIND_SCENE, 0] = b"scene"
    paths = [
        path.format_map(VALUES | dict.fromkeys(JOB_IDS, job.id))
        for method, path in served_routes()
        if method == "GET"
    ]
    assert len(paths) > 30
    for path in [*paths, f"/api/v1/result/{'z' * 26}/thumbnail", f"/api/v1/result/{job.id}/scenes/7"]:
        whole, head = [await gateway.client.request(method, path) for method in ("GET", "HEAD")]
        assert (head.status_code, head.content) == (whole.status_code, b""), path
        differs = {
            name
            for name in {*whole.headers, *head.headers} - {"date", "transfer-encoding", "x-request-id"}
            if whole.headers.get(name) != head.headers.get(name)
        }
        assert differs <= ({"content-length"} if path == "/metrics" else set()), path
    assert (
        'method="HEAD",route="/api/v1/status/{job_id}",status="200"'
        in (await gateway.client.get("/metrics")).text
    )
    refused = await gateway.client.head("/api/v1/generate")
    assert (refused.status_code, refused.content) == (405, b"")


async def test_a_sprite_sheet_for_the_sdks_of_openai(gateway: RunningGateway, api: RecordingApi) -> None:
    """It is an export, as the one of the route of exports."""
    job = finished(api)
    response = await gateway.client.get(f"/v1/videos/{job.id}/content?variant=spritesheet")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
    assert response.content == b"GIF89arest"
    (request,) = api.requests("ExportVideo")
    assert request.format == pb_jobs.EXPORT_FORMAT_SPRITE_SHEET


async def test_a_scene_has_a_name_of_its_own(gateway: RunningGateway, api: RecordingApi) -> None:
    """A browser saves the first scene and the video under two names. A running job has thumbnails of its scenes."""
    job = canned.started(api.add_job())
    job.scenes[0].artifact.CopyFrom(canned.artifact(pb.ARTIFACT_KIND_SCENE, b"scene"))
    job.scenes[0].thumbnail.CopyFrom(canned.artifact(pb.ARTIFACT_KIND_SCENE_THUMBNAIL, THUMBNAIL))
    api.commit(job, "scene_rendered")
    api.files[job.id, pb.ARTIFACT_KIND_SCENE, 0] = b"scene"
    api.files[job.id, pb.ARTIFACT_KIND_SCENE_THUMBNAIL, 0] = THUMBNAIL
    scenes = (await gateway.client.get(f"/api/v1/storyboard/{job.id}")).json()["scenes"]
    link = f"/api/v1/result/{job.id}/scenes/0/thumbnail"
    assert [scene["thumbnail"] for scene in scenes] == [link, None]
    picture = await gateway.client.get(link)
    assert (picture.content, picture.headers["content-type"]) == (THUMBNAIL, "image/webp")
    assert "scene_thumbnail-0" in picture.headers["content-disposition"]
    problem_of(await gateway.client.get(f"/api/v1/result/{job.id}/scenes/1/thumbnail"), 404)
    response = await gateway.client.get(f"/api/v1/result/{job.id}/scenes/0")
    assert response.headers["content-disposition"] == f'inline; filename="{job.id}-scene-0.webp"'


async def test_other_files(gateway: RunningGateway, api: RecordingApi) -> None:
    """A thumbnail has its own type; a file that the job did not produce is 404."""
    job = finished(api)
    response = await gateway.client.get(f"/api/v1/result/{job.id}/thumbnail")
    assert (response.content, response.headers["content-type"]) == (THUMBNAIL, "image/webp")
    problem = problem_of(await gateway.client.get(f"/api/v1/result/{job.id}/preview"), 404)
    assert problem["reason"] == "ARTIFACT_NOT_FOUND"


async def test_a_scene_of_a_running_job(gateway: RunningGateway, api: RecordingApi) -> None:
    """A rendered scene can be read while the job is processing; one that is not rendered is 404."""
    job = canned.started(api.add_job())
    job.scenes[1].artifact.CopyFrom(canned.artifact(pb.ARTIFACT_KIND_SCENE, b"scene"))
    api.commit(job, "scene_rendered")
    api.files[job.id, pb.ARTIFACT_KIND_SCENE, 1] = b"scene"
    assert (await gateway.client.get(f"/api/v1/result/{job.id}/scenes/1")).content == b"scene"
    problem_of(await gateway.client.get(f"/api/v1/result/{job.id}/scenes/0"), 404)
    board = (await gateway.client.get(f"/api/v1/storyboard/{job.id}")).json()
    assert [scene["video"] for scene in board["scenes"]] == [None, f"/api/v1/result/{job.id}/scenes/1"]


async def test_a_manifest(gateway: RunningGateway, api: RecordingApi) -> None:
    """A manifest has the facts to check and repeat the video, and no prompt."""
    job = finished(api)
    response = await gateway.client.get(f"/api/v1/result/{job.id}/manifest")
    body = response.json()
    assert body["spec"]["seed"] == 7
    assert body["artifacts"][0]["sha256"] == canned.HASH
    assert body["record"] == {"commits": 2, "events": 3, "position": job.position, "hash": "cd" * 32}
    assert canned.PROMPT not in response.text


async def test_a_file_that_cannot_be_read(gateway: RunningGateway, api: RecordingApi) -> None:
    """A missing or damaged file is a problem before the first byte, for all of it, a range, and its headers."""
    job = finished(api)
    path = f"/api/v1/result/{job.id}/video"
    for code, reason, status in (
        (grpc.StatusCode.NOT_FOUND, "ARTIFACT_MISSING", 404),
        (grpc.StatusCode.DATA_LOSS, "ARTIFACT_DAMAGED", 500),
    ):
        api.failures["ReadArtifact"] = Refusal(code, reason, "put it back")
        assert problem_of(await gateway.client.get(path), status)["reason"] == reason
        part = await gateway.client.get(path, headers={"Range": "bytes=0-9"})
        assert problem_of(part, status)["detail"] == "put it back"
        assert (await gateway.client.head(path)).status_code == status


async def test_a_download_that_is_abandoned(gateway: RunningGateway, api: RecordingApi) -> None:
    """A file is read from the api only as fast as the client reads it, and no further after the client leaves."""
    large = bytes(64 * 1024 * 1024)
    job = api.commit(canned.completed(api.add_job(), canned.artifact(data=large)), "completed")
    api.files[job.id, pb.ARTIFACT_KIND_VIDEO, 0] = large
    async with gateway.client.stream("GET", f"/api/v1/result/{job.id}/video") as response:
        assert await anext(response.aiter_raw())
        assert response.headers["content-length"] == str(len(large))
    async with asyncio.timeout(WAIT_SECONDS):
        await api.download_ended.wait()
    assert api.downloads_done == 0
    assert api.read_bytes < len(large)


def test_ranges_that_are_ignored() -> None:
    """Several ranges, other units and nonsense return the complete file, as RFC 9110 allows."""
    for text in ("bytes=0-1,5-6", "pages=1-2", "bytes=-", "bytes=9-3", "bytes", "bytes=a-b"):
        assert requested_range({"range": text}, '"t"', 10) is None


def test_ranges_at_the_edges() -> None:
    """The last byte, a suffix longer than the file, and an empty file."""
    assert requested_range({"range": "bytes=9-9"}, '"t"', 10) == ByteRange(first=9, last=9, size=10)
    assert requested_range({"range": "bytes=-99"}, '"t"', 10) == ByteRange(first=0, last=9, size=10)
    for text, size in (("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)):
        with pytest.raises(RangeNotSatisfiable):
            requested_range({"range": text}, '"t"', size)


def test_no_tag_no_match() -> None:
    """A request without If-None-Match has no copy."""
    assert not not_modified({}, '"t"')


@pytest.mark.parametrize(
    ("name", "number", "media_type", "suffix"),
    [("gif", 1, "image/gif", "gif"), ("webp", 2, "image/webp", "webp"), ("png", 3, "application/zip", "zip")],
)
async def test_exports(
    gateway: RunningGateway, api: RecordingApi, name: str, number: int, media_type: str, suffix: str
) -> None:
    """An export has its type and a name, and no length; HEAD makes none."""
    job = finished(api)
    path = f"/api/v1/result/{job.id}/export/{name}"
    response = await gateway.client.get(path)
    assert (response.status_code, response.content) == (200, b"GIF89arest")
    assert response.headers["content-type"] == media_type
    assert response.headers["content-disposition"] == f'inline; filename="{job.id}.{suffix}"'
    assert "content-length" not in response.headers
    head = await gateway.client.head(path)
    assert (head.status_code, head.headers["content-type"], head.content) == (200, media_type, b"")
    (request,) = api.requests("ExportVideo")
    assert (request.job_id, request.format) == (job.id, number)


async def test_refused_exports(gateway: RunningGateway, api: RecordingApi) -> None:
    """An unknown format is named, and the api's refusal is a problem."""
    job = finished(api)
    problem = problem_of(await gateway.client.get(f"/api/v1/result/{job.id}/export/avi"), 400)
    assert problem["violations"][0]["field"] == "export_format"
    api.failures["ExportVideo"] = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "EXPORTS_BUSY", "try again")
    refused = problem_of(await gateway.client.get(f"/api/v1/result/{job.id}/export/gif"), 429)
    assert refused["reason"] == "EXPORTS_BUSY"
