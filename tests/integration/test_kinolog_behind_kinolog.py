"""The renderer that requests videos from a server, with the gateway of another kinolog as the server."""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from pathlib import Path

from kinolog_worker.renderers.openai_videos.renderer import OpenAIVideosRenderer
from kinolog_worker.renderers.renderer import ModelSource, RenderCancelled, SceneRequest, StepReport

from kinolog.v1 import job_service_pb2 as pb
from tests.builders.interfaces import submitted_job
from tests.builders.running_api import RunningApi, running_api
from tests.fixtures.tasks import background_task
from tests.unit.gateway.conftest import running_gateway

FIELDS = ("frames", "fps", "steps", "guidance", "seed", "negative_prompt")
REQUEST = SceneRequest(
    prompt="a red circle",
    negative_prompt="blue",
    width=64,
    height=64,
    frames=17,
    fps=8,
    steps=5,
    guidance=2.5,
    seed=7,
)


async def test_another_kinolog_is_such_a_server(tmp_path: Path) -> None:
    """It is told everything, its file arrives as it is, and the job is erased there; so is a cancelled one."""
    reports: list[StepReport] = []
    cancelled = False
    renderer = OpenAIVideosRenderer()
    with closing(renderer):
        async with running_api() as api, running_gateway(api.target) as gateway:
            options = {
                "fields": {name: name for name in FIELDS},
                "model": "kinolog-tiny",
                "poll_seconds": 0.05,
            }
            renderer.load(ModelSource("far", f"{gateway.url}/v1", options=options), "cpu")

            async def rendered() -> None:
                target = tmp_path / "video.mp4"
                with suppress(RenderCancelled):
                    await asyncio.to_thread(
                        renderer.render_file, REQUEST, target, reports.append, lambda: cancelled
                    )

            async with background_task(rendered()) as rendering:
                first = await submitted_job(api)
                spec = (await api.jobs.GetJob(pb.GetJobRequest(job_id=first))).job.spec
                assert (spec.width, spec.frames, spec.fps, spec.steps, spec.seed) == (64, 17, 8, 5, 7)
                assert (spec.guidance, spec.negative_prompt) == (2.5, "blue")
                await api.complete(first, b"the bytes of a film")
                await rendering
            assert await asyncio.to_thread((tmp_path / "video.mp4").read_bytes) == b"the bytes of a film"
            assert reports[-1].step == 100
            await _is_erased(api, first)
            async with background_task(rendered()) as rendering:
                second = await submitted_job(api, first)
                cancelled = True
                await rendering
            await _is_erased(api, second)


async def _is_erased(api: RunningApi, job_id: str) -> None:
    loaded = await api.store.load(job_id)
    assert loaded is not None
    assert loaded.job.erased
