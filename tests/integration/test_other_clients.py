"""Clients of other services, as their users have them, against the gateway in front of the real api over memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google import genai
from google.genai import errors, types
from replicate.client import Client as ReplicateClient
from replicate.exceptions import ModelError, ReplicateError

from kinolog.v1 import job_pb2
from tests.builders.interfaces import ADA, INPUT_MODELS, key_file, run_example, submitted_job
from tests.builders.running_api import PROMPT, RunningApi, running_api
from tests.builders.uploaded_files import picture
from tests.unit.gateway.conftest import RunningGateway, running_gateway

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

VIDEO = bytes(range(256)) * 64


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


@pytest.fixture
async def client(gateway: RunningGateway) -> AsyncIterator[ReplicateClient]:
    """A client of Replicate, pointed at the gateway. It asks without pauses."""
    client = ReplicateClient("none", base_url=f"{gateway.url}/replicate")
    client.poll_interval = 0.001
    yield client
    await client._async_client.aclose()


async def test_replicate_runs_a_model(
    client: ReplicateClient, gateway: RunningGateway, api: RunningApi
) -> None:
    """Submitted, asked for until it is completed, and downloaded."""
    wanted = {"prompt": PROMPT, "seed": 7, "num_frames": 9, "aspect_ratio": "1:1", "resolution": "128p"}
    running = asyncio.create_task(client.async_run("kinolog/kinolog-tiny", input=wanted))
    job = await api.job(await submitted_job(api))
    assert (job.spec.prompt, job.spec.seed, job.spec.frames, job.spec.width) == (PROMPT, 7, 9, 128)
    await api.complete(job.id, VIDEO)
    output = await running
    assert (await gateway.client.get(str(output))).content == VIDEO
    found = await client.predictions.async_get(job.id)
    assert (found.status, found.model, found.output) == ("succeeded", "kinolog/kinolog-tiny", output)
    assert found.progress is not None
    assert found.progress.percentage == 1.0
    assert [each.id for each in (await client.predictions.async_list()).results] == [job.id]


async def test_replicate_uploads_cancels_and_fails(
    client: ReplicateClient, api: RunningApi, tmp_path: Path
) -> None:
    """A picture is uploaded by the client. What ends otherwise is told as it is."""
    (tmp_path / "first.png").write_bytes(picture())
    with (tmp_path / "first.png").open("rb") as file:
        made = await client.predictions.async_create(
            version="i2v",
            input={"prompt": PROMPT, "image": file},
            webhook="https://1.1.1.1/hook",
            webhook_events_filter=["start", "completed"],
        )
    job = await api.job(made.id)
    assert (job.spec.webhook, job.spec.webhook_format) == ("https://1.1.1.1/hook", "replicate")
    assert (await client.webhooks.default.async_secret()).key.startswith("whsec_")
    assert list(job.spec.webhook_events) == ["job.cancelled", "job.completed", "job.failed", "job.started"]
    assert [one.role for one in job.inputs] == [job_pb2.INPUT_ROLE_FIRST_FRAME]
    await made.async_cancel()
    assert made.status == "canceled"
    failing = asyncio.create_task(client.async_run("any/default", input={"prompt": PROMPT}))
    await api.fail(await submitted_job(api, made.id))
    with pytest.raises(ModelError, match="too little memory"):
        await failing
    for input_, words in (
        ({"prompt": PROMPT, "num_frames": 0}, "num_frames must be greater than"),
        ({"prompt": PROMPT, "aspect_ratio": "16:9"}, "aspect_ratio is none of kinolog-tiny, whose sizes are"),
        ({"prompt": PROMPT, "image": "https://example.org/a.png"}, "fetches nothing from other addresses"),
    ):
        with pytest.raises(ReplicateError, match=words):
            await client.models.predictions.async_create(("kinolog", "kinolog-tiny"), input=input_)
    with pytest.raises(ReplicateError, match="those are default, kinolog-tiny, i2v, v2v"):
        await client.async_run("wan-video/wan-9", input={"prompt": PROMPT})


@pytest.fixture
async def google(api: RunningApi, tmp_path: Path) -> AsyncIterator[genai.client.AsyncClient]:
    """A client of Google, pointed at a gateway with a key."""
    async with running_gateway(api.target, key_file(tmp_path)) as gateway:
        options = types.HttpOptions(base_url=f"{gateway.url}/veo")
        client = genai.Client(enterprise=True, api_key=ADA, http_options=options)
        async with client.aio as aio:
            yield aio
        client.close()


async def test_google_makes_a_video(google: genai.client.AsyncClient, api: RunningApi) -> None:
    """Submitted, asked for until it is completed, and in the answer."""
    source = types.GenerateVideosSource(prompt=PROMPT)
    config = types.GenerateVideosConfig(
        number_of_videos=1, aspect_ratio="1:1", duration_seconds=2, seed=7, negative_prompt="text", fps=8
    )
    operation = await google.models.generate_videos(model="veo-3.1", source=source, config=config)
    assert not operation.done
    job = await api.job((operation.name or "").rpartition("/")[2])
    assert (job.spec.prompt, job.spec.negative_prompt, job.spec.frames) == (PROMPT, "text", 16)
    assert not (await google.operations.get(operation)).done
    await api.complete(job.id, VIDEO)
    operation = await google.operations.get(operation)
    assert operation.done
    assert operation.response is not None
    (made,) = list(operation.response.generated_videos or [])
    assert made.video is not None
    assert (made.video.video_bytes, made.video.mime_type) == (VIDEO, "video/mp4")


async def test_google_sends_a_picture_and_gets_errors(
    google: genai.client.AsyncClient, api: RunningApi
) -> None:
    """In its own shape; what failed has an error in the operation."""
    image = types.Image(image_bytes=picture(), mime_type="image/png")
    source = types.GenerateVideosSource(prompt=PROMPT, image=image)
    operation = await google.models.generate_videos(model="i2v", source=source)
    job = await api.job((operation.name or "").rpartition("/")[2])
    assert [one.role for one in job.inputs] == [job_pb2.INPUT_ROLE_FIRST_FRAME]
    await api.fail(job.id)
    operation = await google.operations.get(operation)
    assert operation.error == {"code": 13, "message": "the device has too little memory"}
    with pytest.raises(errors.ClientError, match="starts from a text alone") as refused:
        await google.models.generate_videos(model="kinolog-tiny", source=source)
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    for config, words in (
        (types.GenerateVideosConfig(number_of_videos=2), "sampleCount must be 1"),
        (types.GenerateVideosConfig(output_gcs_uri="gs://a"), "storageUri is not served"),
        (types.GenerateVideosConfig(duration_seconds=4000), "durationSeconds must be less than"),
    ):
        with pytest.raises(errors.ClientError, match=words):
            await google.models.generate_videos(model="default", source=source, config=config)
    with pytest.raises(errors.ClientError, match="those are default, kinolog-tiny, i2v, v2v"):
        await google.models.generate_videos(model="gemini-4", source=source)


async def test_the_examples_of_the_page(
    gateway: RunningGateway, api: RunningApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They run as they are shown, with the address of this gateway."""
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "0.001")
    address = {"http://127.0.0.1:8085": gateway.url}
    found = await run_example(
        "compatibility.md", "import replicate\n", api, address, lambda client: client._client.close()
    )
    assert found["output"].startswith(f"{gateway.url}/api/v1/result/")
    film = tmp_path / "circle.mp4"
    async with running_api(catalogue=INPUT_MODELS) as other, running_gateway(other.target) as second:
        replaced = {"http://127.0.0.1:8085": second.url, "circle.mp4": str(film), "sleep(1)": "sleep(0)"}
        await run_example("compatibility.md", "genai", other, replaced, lambda client: client.close())
    assert film.read_bytes() == b"the video"
