"""Pictures and clips over REST: uploads piece by piece, inputs of a submission, and files of a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest

from kinolog.v1 import job_pb2 as pb
from tests.fixtures.waits import until_true
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi, Refusal
from tests.unit.gateway.test_bad_input import problem_of

PICTURE = bytes(range(256)) * 6_000
BOUNDARY = "frontier"
TYPE = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def _part(name: str, content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def _post(gateway: RunningGateway, **request: Any) -> httpx.Response:
    return await gateway.client.post("/api/v1/inputs", **request)


async def test_a_file_is_uploaded(gateway: RunningGateway, api: RecordingApi) -> None:
    """It reaches the api in messages, the last of which says that it is complete. Its name does not."""
    response = await _post(gateway, files={"file": ("my holiday.png", PICTURE, "text/plain")})
    assert response.status_code == 201
    assert response.json() == {
        "upload_id": "u" * 26,
        "sha256": canned.upload(PICTURE).sha256,
        "media_type": "image/png",
        "size_bytes": len(PICTURE),
        "width": 64,
        "height": 48,
        "expires_at": "2026-11-22T15:00:30Z",
    }
    first, *data, last = api.uploads[0]
    assert (first.WhichOneof("part"), last.WhichOneof("part")) == ("file", "end")
    assert len(data) > 1
    assert max(len(part.data) for part in data) <= 1 << 20
    assert "holiday" not in str(api.uploads)


async def test_a_file_is_sent_on_while_it_arrives(gateway: RunningGateway, api: RecordingApi) -> None:
    """Nothing waits for the whole file."""
    arrived = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield _part("file", PICTURE)[:-1000]
        await until_true(
            lambda: any(part.data for parts in api.uploads for part in parts), "the api has a part"
        )
        arrived.set()
        yield _part("file", PICTURE)[-1000:] + END

    assert (await _post(gateway, content=body(), headers=TYPE)).status_code == 201
    assert arrived.is_set()
    assert b"".join(part.data for part in api.uploads[0]) == PICTURE


BODIES: dict[str, tuple[bytes, dict[str, str], int, str, str]] = {
    "json": (b"{}", {"Content-Type": "application/json"}, 415, "UNSUPPORTED_MEDIA_TYPE", "multipart/form-data"),
    "no boundary": (b"x", {"Content-Type": "multipart/form-data"}, 415, "UNSUPPORTED_MEDIA_TYPE", "in the field file"),
    "another field": (_part("picture", b"x") + END, TYPE, 400, "INVALID_FIELDS", "file must be the only field"),
    "two files": (_part("file", b"x") * 2 + END, TYPE, 400, "INVALID_FIELDS", "must be the only field"),
    "no field": (END, TYPE, 400, "INVALID_FIELDS", "file is required"),
    "torn": (_part("file", PICTURE)[:-500], TYPE, 400, "INPUT_TORN", "send it again"),
    "nothing": (b"", TYPE, 400, "INPUT_TORN", "send it again"),
    "no multipart": (b"GIF89a" * 100, TYPE, 400, "BAD_REQUEST", "not multipart/form-data"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
async def test_other_bodies_are_refused(gateway: RunningGateway, api: RecordingApi, name: str) -> None:
    """The problem says what to send. The api gets no complete file."""
    body, headers, status, reason, words = BODIES[name]
    problem = problem_of(await _post(gateway, content=body, headers=headers), status)
    assert (problem["reason"], words in problem["detail"]) == (reason, True), problem
    assert not [parts for parts in api.uploads if parts and parts[-1].WhichOneof("part") == "end"]


@pytest.mark.parametrize(
    ("reason", "status"),
    [("INPUT_TOO_LARGE", 413), ("INPUT_UNSUPPORTED", 415), ("INPUT_TORN", 400), ("UPLOAD_STALLED", 408)],
)
async def test_a_file_that_the_api_refuses(
    gateway: RunningGateway, api: RecordingApi, reason: str, status: int
) -> None:
    """The client reads the answer although its file was not read to the end."""
    wrong = {"file": "is not a PNG"}
    api.failures["UploadInput"] = Refusal(grpc.StatusCode.INVALID_ARGUMENT, reason, "file: no", wrong)
    response = await _post(gateway, files={"file": PICTURE * 3})
    problem = problem_of(response, status)
    assert (problem["reason"], problem["violations"][0]["field"]) == (reason, "file")
    assert response.headers["connection"] == "close"


async def test_inputs_are_submitted(gateway: RunningGateway, api: RecordingApi) -> None:
    """Roles are words, in any case."""
    inputs = [{"role": "First_Frame", "upload_id": "u" * 26}, {"role": "video", "upload_id": "v" * 26}]
    response = await gateway.client.post("/api/v1/generate", json={"prompt": "a fox", "inputs": inputs})
    assert response.status_code == 202
    (request,) = api.requests("SubmitJob")
    assert [(one.role, one.upload_id) for one in request.inputs] == [
        (pb.INPUT_ROLE_FIRST_FRAME, "u" * 26),
        (pb.INPUT_ROLE_VIDEO, "v" * 26),
    ]


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ([{"role": "first_frame", "upload_id": "nonsense"}], "inputs[0].upload_id"),
        ([{"role": "mask", "upload_id": "u" * 26}], "inputs[0].role"),
        ([{"role": "video"}], "inputs[0].upload_id"),
        ([{"role": "video", "upload_id": "u" * 26, "file": "x"}], "inputs[0].file"),
        ([{"role": "reference", "upload_id": "u" * 26}] * 17, "inputs"),
        ("u" * 26, "inputs"),
    ],
)
async def test_wrong_inputs_are_named(gateway: RunningGateway, inputs: Any, field: str) -> None:
    """The problem names the field of the first that is wrong."""
    response = await gateway.client.post("/api/v1/generate", json={"prompt": "a fox", "inputs": inputs})
    assert [one["field"] for one in problem_of(response, 400)["violations"]] == [field]


def _job(api: RecordingApi, **fields: Any) -> pb.Job:
    given = pb.JobInput(
        role=pb.INPUT_ROLE_LAST_FRAME,
        media_type="image/png",
        size_bytes=len(canned.VIDEO),
        sha256=canned.HASH,
        width=64,
        height=48,
    )
    clip = pb.JobInput(role=pb.INPUT_ROLE_VIDEO, media_type="video/webm", size_bytes=5)
    job = api.add_job(inputs=[clip, given], **fields)
    api.files[job.id, pb.ARTIFACT_KIND_INPUT, 1] = canned.VIDEO
    return job


async def test_a_job_shows_its_inputs(gateway: RunningGateway, api: RecordingApi) -> None:
    """With the path of each file; without it once the job is erased."""
    job = _job(api)
    clip, picture = (await gateway.client.get(f"/api/v1/status/{job.id}")).json()["inputs"]
    assert (clip["role"], clip["width"], clip["file"]) == ("video", None, f"/api/v1/inputs/{job.id}/0")
    assert (picture["role"], picture["sha256"], picture["width"]) == ("last_frame", canned.HASH, 64)
    erased = _job(api, erased=True)
    inputs = (await gateway.client.get(f"/api/v1/status/{erased.id}")).json()["inputs"]
    assert [one["file"] for one in inputs] == [None, None]


async def test_an_input_is_downloaded(gateway: RunningGateway, api: RecordingApi) -> None:
    """In full and in part, with tag and type, under a name of its own."""
    job = _job(api)
    path = f"/api/v1/inputs/{job.id}/1"
    whole = await gateway.client.get(path)
    assert (whole.status_code, whole.content) == (200, canned.VIDEO)
    assert (whole.headers["content-type"], whole.headers["etag"]) == ("image/png", f'"{canned.HASH}"')
    assert f'filename="{job.id}-input-1.png"' in whole.headers["content-disposition"]
    part = await gateway.client.get(path, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, canned.VIDEO[5:10])
    assert (await gateway.client.head(path)).headers["content-length"] == str(len(canned.VIDEO))
    problem = problem_of(await gateway.client.get(f"/api/v1/inputs/{job.id}/2"), 404)
    assert problem["reason"] == "ARTIFACT_NOT_FOUND"
