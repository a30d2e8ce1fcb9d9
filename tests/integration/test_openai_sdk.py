"""The SDK of OpenAI, as its users have it, against the gateway in front of the real api over memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from kinolog.job.commands import ConfirmCancel
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.interfaces import ADA, INPUT_MODELS, key_file, run_example
from tests.builders.running_api import RunningApi, running_api
from tests.builders.uploaded_files import WEBM, picture
from tests.fixtures.unreliable_network import unreliable_network
from tests.unit.gateway.conftest import RunningGateway, running_gateway

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

PROMPT = "a heron named Quillfeather stands in a pond"


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """The real api over memory, with models that start from a picture and from a video."""
    async with running_api(catalogue=INPUT_MODELS) as running:
        yield running


@pytest.fixture
async def gateway(api: RunningApi) -> AsyncIterator[RunningGateway]:
    """A gateway in front of it."""
    async with running_gateway(api.target) as running:
        yield running


@asynccontextmanager
async def client_of(url: str, key: str = "none", **options: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    """The SDK, pointed at a gateway."""
    http = httpx2.AsyncClient(verify=False, trust_env=False)
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, http_client=http, **options) as client:
        yield client


@pytest.fixture
async def sdk(gateway: RunningGateway) -> AsyncIterator[openai.AsyncOpenAI]:
    """The SDK, pointed at the gateway."""
    async with client_of(gateway.url) as client:
        yield client


async def test_a_video_is_made(sdk: openai.AsyncOpenAI, api: RunningApi) -> None:
    """Created, followed, downloaded and deleted."""
    video = await sdk.videos.create(prompt=PROMPT, model="sora-2", seconds="4")
    assert (video.object, video.status, video.progress) == ("video", "queued", 0)
    assert (video.model, video.prompt, video.size) == ("kinolog-tiny", PROMPT, "256x256")
    assert (video.seconds, video.remixed_from_video_id) == ("4", None)
    content = bytes(range(256)) * 64
    await api.complete(video.id, content)
    done = await sdk.videos.poll(video.id)
    assert (done.status, done.progress, done.error) == ("completed", 100, None)
    assert (done.completed_at or 0) >= done.created_at
    assert (await sdk.videos.download_content(video.id)).content == content
    part = await sdk.videos.download_content(video.id, extra_headers={"Range": "bytes=100-199"})
    assert part.content == content[100:200]
    assert (await sdk.videos.delete(video.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await sdk.videos.retrieve(video.id)
    with pytest.raises(openai.NotFoundError):
        await sdk.videos.download_content(video.id)
    assert (await sdk.videos.list()).data == []


async def test_it_is_polled(sdk: openai.AsyncOpenAI, api: RunningApi) -> None:
    """The helper waits as long as the pending answer says, and returns what has failed too."""
    pending = await sdk.videos.with_raw_response.create(prompt=PROMPT)
    video = pending.parse()
    assert pending.headers["openai-poll-after-ms"] == "1000"
    assert pending.headers["x-request-id"].startswith("req_")
    waiting = await sdk.videos.retrieve(video.id)
    own_fields = waiting.to_dict()
    assert (own_fields["kinolog_status"], own_fields["queue_position"]) == ("queued", 0)
    await api.start_attempt(video.id)
    assert (await sdk.videos.retrieve(video.id)).status == "in_progress"
    polling = asyncio.create_task(sdk.videos.poll(video.id, poll_interval_ms=1))
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=video.id))
    await api.work(video.id, ConfirmCancel(id="c", actor="w1", attempt=1))
    cancelled = await polling
    assert (cancelled.status, cancelled.to_dict()["kinolog_status"]) == ("failed", "cancelled")
    assert cancelled.error is not None
    assert cancelled.error.code == "cancelled"
    other = await sdk.videos.create(prompt=PROMPT)
    await api.fail(other.id)
    failed = await sdk.videos.with_raw_response.retrieve(other.id)
    error = failed.parse().error
    assert error is not None
    assert (error.code, error.message) == ("out_of_memory", "the device has too little memory")
    assert "openai-poll-after-ms" not in failed.headers


async def test_settings_of_kinolog(sdk: openai.AsyncOpenAI, api: RunningApi) -> None:
    """They go through `extra_body`, which the SDK sends as fields of a form with brackets."""
    more = {"seed": 7, "steps": 12, "guidance": 3.5, "fps": 10, "priority": "high", "negative_prompt": "12"}
    scenes = [{"prompt": "a star rises", "duration": 1}, {"prompt": "a ring falls", "duration": 2}]
    video = await sdk.videos.create(prompt=PROMPT, extra_body={**more, "scenes": scenes})
    job = await api.job(video.id)
    spec = job.spec
    assert (spec.seed, spec.steps, spec.guidance, spec.fps) == (7, 12, 3.5, 10)
    assert (spec.negative_prompt, job.priority) == ("12", job_pb2.PRIORITY_HIGH)
    assert (job.scene_count, video.seconds) == (2, "3")


async def test_lists(sdk: openai.AsyncOpenAI) -> None:
    """Pages of either order, and the SDK's own loop over them, without what is deleted."""
    videos = [(await sdk.videos.create(prompt=PROMPT)).id for _ in range(5)]
    await sdk.videos.delete(videos.pop(1))
    page = await sdk.videos.list(limit=3)
    assert ([video.id for video in page.data], page.has_more) == (videos[:0:-1], True)
    assert page.last_id == videos[1]
    assert [video.id async for video in sdk.videos.list(limit=2, order="asc")] == videos
    assert [video.id async for video in sdk.videos.list(limit=1)] == videos[::-1]
    assert (await sdk.videos.list(after=videos[-1], order="asc")).data == []


async def test_a_picture_and_a_video_as_input(sdk: openai.AsyncOpenAI, api: RunningApi) -> None:
    """Bytes, a data URL and the id of an upload; the role is what the model takes."""
    with_file = await sdk.videos.create(prompt=PROMPT, model="i2v", input_reference=picture())
    job = await api.job(with_file.id)
    assert [(one.role, one.media_type) for one in job.inputs] == [
        (job_pb2.INPUT_ROLE_FIRST_FRAME, "image/png")
    ]
    with pytest.raises(openai.BadRequestError, match="starts from a text alone") as refused:
        await sdk.videos.create(prompt=PROMPT, input_reference=picture())
    assert refused.value.param == "input_reference"
    with pytest.raises(openai.APIStatusError, match="input_reference is not a PNG") as not_taken:
        await sdk.videos.create(prompt=PROMPT, model="i2v", input_reference=b"GIF89a")
    assert not_taken.value.status_code == 415
    url = {"image_url": "http://example.org/a.png"}
    with pytest.raises(openai.BadRequestError, match="fetches nothing from other addresses"):
        await sdk.videos.create(prompt=PROMPT, model="i2v", extra_body={"input_reference": url})
    clip = await sdk.videos.create(prompt=PROMPT, model="v2v", input_reference=WEBM)
    assert [one.role for one in (await api.job(clip.id)).inputs] == [job_pb2.INPUT_ROLE_VIDEO]


async def test_remix(sdk: openai.AsyncOpenAI, api: RunningApi) -> None:
    """Everything but the prompt is that of the source, its picture too. A repeated remix is one video."""
    source = await sdk.videos.create(
        prompt=PROMPT, model="i2v", input_reference=picture(), extra_body={"seed": 5, "steps": 9}
    )
    with pytest.raises(openai.ConflictError):
        await sdk.videos.remix(source.id, prompt="at night")
    await api.complete(source.id)
    remix = await sdk.videos.remix(source.id, prompt="at night")
    assert (remix.prompt, remix.remixed_from_video_id, remix.status) == ("at night", source.id, "queued")
    job, other = await api.job(remix.id), await api.job(source.id)
    job.spec.ClearField("prompt")
    other.spec.ClearField("prompt")
    assert job.spec == other.spec
    assert list(job.inputs) == list(other.inputs)
    again = {"x-stainless-retry-count": "1"}
    assert (await sdk.videos.remix(source.id, prompt="at night", extra_headers=again)).id == remix.id


async def test_edit_and_extend(sdk: openai.AsyncOpenAI, api: RunningApi) -> None:
    """By a model that starts from a video, with the size and rate of the source if it is one of these videos."""
    edited = await sdk.videos.edit(prompt="in winter", video=WEBM)
    job = await api.job(edited.id)
    assert (job.spec.model, [one.role for one in job.inputs]) == ("v2v", [job_pb2.INPUT_ROLE_VIDEO])
    source = await sdk.videos.create(prompt=PROMPT, seconds="4", extra_body={"size": "128x128", "fps": 10})
    await api.complete(source.id, WEBM)
    same = {"video": {"id": source.id}}
    body = {"prompt": "in winter", **same}
    edited = await sdk.post("/videos/edits", body=body, cast_to=type(source))
    assert (edited.size, edited.seconds, edited.model) == ("128x128", "4", "v2v")
    extended = await sdk.post("/videos/extensions", body={**body, "seconds": "2"}, cast_to=type(source))
    assert (extended.size, extended.seconds) == ("128x128", "2")
    with pytest.raises(openai.BadRequestError, match="starts from a text alone") as refused:
        await sdk.videos.extend(prompt="on", seconds="4", video=WEBM, extra_body={"model": "kinolog-tiny"})
    assert refused.value.param == "video"


async def test_characters_are_refused(sdk: openai.AsyncOpenAI) -> None:
    """With an error that says so."""
    for refused in (sdk.videos.create_character(name="x", video=WEBM), sdk.videos.get_character("abc")):
        with pytest.raises(openai.BadRequestError, match="no characters here"):
            await refused


async def test_models(sdk: openai.AsyncOpenAI) -> None:
    """The catalogue. Names of hosted models are the default one."""
    assert [model.id async for model in sdk.models.list()] == ["kinolog-tiny", "i2v", "v2v"]
    assert (await sdk.models.retrieve("sora-2-pro")).id == "kinolog-tiny"
    with pytest.raises(openai.NotFoundError, match="those are kinolog-tiny, i2v, v2v"):
        await sdk.models.retrieve("gpt-5")


async def test_a_running_video_is_deleted(sdk: openai.AsyncOpenAI, api: RunningApi) -> None:
    """It is stopped before. A deletion whose answer was lost succeeds when the SDK repeats it."""
    video = await sdk.videos.create(prompt=PROMPT)
    await api.start_attempt(video.id)
    deleting = asyncio.create_task(sdk.videos.delete(video.id))

    async for change in api.jobs.WatchJob(pb.WatchJobRequest(job_id=video.id)):
        if change.job.cancel_requested:
            break
    await api.work(video.id, ConfirmCancel(id="c", actor="w1", attempt=1))
    assert (await deleting).id == video.id
    assert (await api.job(video.id)).erased
    again = await sdk.videos.delete(video.id, extra_headers={"x-stainless-retry-count": "1"})
    assert again.deleted
    with pytest.raises(openai.NotFoundError):
        await sdk.videos.delete(video.id)


async def test_a_create_whose_answer_is_lost_is_one_video(
    gateway: RunningGateway, api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK sends it again without an id, also to a gateway that started meanwhile. Two that are meant are two."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)  # how long it waits before
    async with unreliable_network(gateway.url) as network, client_of(network.url) as sdk:
        network.cuts = [0, 0]
        video = await sdk.videos.create(prompt=PROMPT, seconds="4")
        assert network.cuts == []
        jobs = (await api.jobs.ListJobs(pb.ListJobsRequest())).jobs
        assert [job.id for job in jobs] == [video.id]
        other = await sdk.videos.create(prompt=PROMPT, seconds="4")
        assert other.id != video.id
    async with running_gateway(api.target) as restarted, client_of(restarted.url) as sdk:
        again = {"x-stainless-retry-count": "1"}
        assert (await sdk.videos.create(prompt=PROMPT, seconds="4", extra_headers=again)).id == other.id
        key = {"Idempotency-Key": "nightly"}
        keyed = [await sdk.videos.create(prompt=PROMPT, extra_headers=key) for _ in range(2)]
        assert keyed[0].id == keyed[1].id
        with pytest.raises(openai.ConflictError) as refused:
            await sdk.videos.create(prompt="else", extra_headers=key)
        assert refused.value.code == "request_id_reused"
        assert refused.value.response.headers["x-should-retry"] == "false"


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": " "}, "prompt", "white space"),
    ({"model": "gpt-5"}, "model", "must be one of kinolog-tiny, i2v, v2v"),
    ({"seconds": "many"}, "seconds", "must be a valid number"),
    ({"seconds": "4000"}, "seconds", "600"),
    ({"seconds": "600"}, "seconds", "frames"),
    ({"size": "100x100"}, "size", "it takes 64x64"),
    ({"extra_body": {"sead": 1}}, "sead", "is not known here"),
    ({"extra_body": {"num_inference_steps": "1001"}}, "num_inference_steps", "1000"),
    ({"extra_body": {"frames": 4, "seconds": "4"}}, "frames", "twice"),
    ({"extra_body": {"n": 2}}, "n", "must be 1"),
    ({"extra_body": {"width": 320}}, "width", "belong together"),
    ({"extra_body": {"loras": [{"name": "a", "weight": 1}, {"name": "b"}]}}, "loras", "as JSON"),
    ({"extra_headers": {"Idempotency-Key": "a b"}}, "Idempotency-Key", "letters, digits"),
]


async def test_wrong_fields_are_named(sdk: openai.AsyncOpenAI) -> None:
    """As the client called them."""
    for fields, param, words in WRONG:
        with pytest.raises(openai.BadRequestError, match=words) as refused:
            await sdk.videos.create(**{"prompt": PROMPT, **fields})
        assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")
        assert refused.value.request_id


async def test_errors_of_every_kind_have_the_shape(
    gateway: RunningGateway, api: RunningApi, tmp_path: Path
) -> None:
    """Those of middleware too: the SDK raises the type of the status, and none is a page of HTML or a problem."""
    async with running_gateway(api.target, key_file(tmp_path)) as closed, client_of(closed.url) as sdk:
        with pytest.raises(openai.AuthenticationError) as refused:
            await sdk.models.list()
        assert refused.value.code == "invalid_api_key"
        assert refused.value.response.headers["www-authenticate"] == "Bearer"
        again = sdk.with_options(api_key=ADA)
        assert (await again.videos.create(prompt=PROMPT)).status == "queued"
    post, get = gateway.client.post, gateway.client.get
    big = b'{"prompt": "' + b"x" * (17 << 20)
    json = {"Content-Type": "application/json"}
    for response, status, code in (
        (await get("/v1/chat/completions"), 404, "route_not_found"),
        (await get("/v1/videos/video_123"), 404, "job_not_found"),
        (await gateway.client.put("/v1/videos"), 405, "method_not_allowed"),
        (await post("/v1/videos", content=b"x", headers={"Content-Type": "text/plain"}), 415, None),
        (await post("/v1/videos", content=b"[1]", headers=json), 400, "invalid_fields"),
        (await post("/v1/videos", content=b'{"prompt": ', headers=json), 400, "invalid_fields"),
        (await post("/v1/videos", content=big, headers=json), 413, "body_too_large"),
        (await get("/v1/videos?limit=1000"), 400, "invalid_fields"),
        (await get("/v1/models", headers={"Host": "evil.example"}), 403, "foreign_host"),
    ):
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        error = response.json()["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert code in (None, error["code"])
    assert (await gateway.client.head("/v1/nothing")).status_code == 404


async def test_the_example_of_the_page(
    gateway: RunningGateway, api: RunningApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs as it is shown, with the address of this gateway."""
    monkeypatch.setattr("kinolog_gateway.openai.video.POLL_MILLISECONDS", 1)
    film = tmp_path / "circle.mp4"
    replaced = {"http://127.0.0.1:8085": gateway.url, "circle.mp4": str(film)}
    await run_example("openai.md", "create_and_poll", api, replaced, lambda client: client.close())
    assert film.read_bytes() == b"the video"
