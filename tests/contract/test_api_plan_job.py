"""PlanJob: what a job would be, over a real connection. Nothing is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from kinolog_api.plans.run_estimates import RunEstimates

from kinolog.models.catalogue import TINY
from kinolog.storyboard.render_times import RenderSize
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.interfaces import INPUT_MODELS
from tests.builders.running_api import MEDIA, RunningApi, refused, running_api
from tests.contract.test_api_written_prompts import ScriptedWriter

PROMPT = "A red circle rises. Then a gren square falls on a zeppelin."
SCENES = [
    pb.SceneRequest(prompt="a red circle", duration_seconds=2, transition=pb.TRANSITION_FADE),
    pb.SceneRequest(prompt="a blue square", duration_seconds=1.5, seed=11),
]


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def planned(api: RunningApi, **fields: Any) -> pb.PlanJobResponse:
    """Return the plan of a job."""
    return await api.jobs.PlanJob(pb.PlanJobRequest(job=pb.SubmitJobRequest(**fields)))


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": PROMPT},
        {"prompt": PROMPT, "shots": pb.SHOTS_AUTO, "duration_seconds": 3, "steps": 12, "title": "Rain"},
        {"prompt": "noir", "scenes": SCENES, "priority": job_pb2.PRIORITY_HIGH, "model": "large"},
    ],
)
async def test_a_plan_is_what_a_submit_makes(api: RunningApi, fields: dict[str, Any]) -> None:
    """Scenes, lengths, size and defaults are those of the job that is submitted next. The log has only that."""
    plan = await planned(api, **fields, seed=7)
    assert await api.store.last_position() == 0
    job = await api.job(await api.submit(**fields, seed=7))
    assert plan.spec == job.spec
    assert plan.priority == job.priority
    shown = ("index", "prompt", "start_seconds", "duration_seconds", "frames", "camera", "transition", "seed")
    assert [[getattr(scene, name) for name in shown] for scene in plan.scenes] == [
        [getattr(scene, name) for name in shown] for scene in job.scenes
    ]
    assert plan.duration_seconds == pytest.approx(job.spec.frames / job.spec.fps)
    assert plan.cost >= 1


async def test_a_plan_of_variants_counts_all_of_them(api: RunningApi) -> None:
    """Their number, and their cost together. The estimate is that of each and of all; a single job is one of itself."""
    for _ in range(2):
        await api.complete(await api.submit())
    one, three = await planned(api, prompt=PROMPT), await planned(api, prompt=PROMPT, variants=3)
    assert (one.variants, one.total_cost) == (1, one.cost)
    assert one.total_estimated_seconds == one.estimated_seconds > 0
    assert (three.variants, three.cost, three.total_cost) == (3, one.cost, 3 * one.cost)
    assert three.total_estimated_seconds == pytest.approx(3 * three.estimated_seconds)
    unknown = await planned(api, prompt=PROMPT, model="large", variants=2)
    assert (unknown.HasField("estimated_seconds"), unknown.HasField("total_estimated_seconds")) == (
        False,
        False,
    )


async def test_a_drawn_seed_is_not_named(api: RunningApi) -> None:
    """Another one is drawn when the job is submitted."""
    plan = await planned(api, prompt=PROMPT)
    assert (plan.draws_seed, plan.spec.seed, plan.scenes[0].HasField("seed")) == (True, 0, False)


async def test_unknown_words_are_named_by_scene(api: RunningApi) -> None:
    """Words that the model leaves out, and those that it reads as others; none for a model that takes any."""
    first, second = (await planned(api, prompt=PROMPT, shots=pb.SHOTS_AUTO)).scenes
    assert "zeppelin" not in first.ignored_words
    assert "zeppelin" in second.ignored_words
    assert pb.ReplacedWord(word="gren", known="green") in second.replaced_words
    (scene,) = (await planned(api, prompt=PROMPT, model="large")).scenes
    assert (list(scene.ignored_words), list(scene.replaced_words)) == ([], [])


async def test_no_language_model_is_asked() -> None:
    """A plan says that one will write, and has the scenes without it. Without one in the installation it is refused."""
    async with running_api(prompt_writer=(writer := ScriptedWriter())) as api:
        plan = await planned(api, prompt="A star. Then a ring.", shots=pb.SHOTS_WRITTEN)
        assert (plan.writes_prompts, len(plan.scenes), writer.tasks) == (True, 2, [])
    async with running_api() as api:
        request = pb.SubmitJobRequest(prompt="x", enhance_prompt=True)
        for call in (api.jobs.SubmitJob(request), api.jobs.PlanJob(pb.PlanJobRequest(job=request))):
            assert (await refused(call)).reason == "NO_PROMPT_WRITER"


async def test_an_unknown_upload_is_refused() -> None:
    """A plan names the input, as a submit does."""
    async with running_api(catalogue=INPUT_MODELS) as api:
        given = pb.InputReference(role=job_pb2.INPUT_ROLE_FIRST_FRAME, upload_id="a" * 26)
        request = pb.SubmitJobRequest(prompt="x", model="i2v", inputs=[given])
        error = await refused(api.jobs.PlanJob(pb.PlanJobRequest(job=request)))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert (error.reason, list(error.fields)) == ("UPLOAD_UNKNOWN", ["inputs[0].upload_id"])


async def test_the_estimate_is_of_past_jobs(api: RunningApi) -> None:
    """It is that of past jobs of the model and the tenant; without any, or without lists, there is none."""
    assert not (await planned(api, prompt=PROMPT, model="large")).HasField("estimated_seconds")
    job_id = await api.submit(PROMPT, seed=1)
    await api.complete(job_id)
    seconds = (await api.job(job_id)).run_seconds
    plan = await planned(api, prompt="another")
    assert plan.estimated_seconds == pytest.approx(seconds)
    assert plan.estimated_from_jobs == 1
    api.read_model.unavailable = True
    size = RenderSize(MEDIA.width * MEDIA.height, 16, TINY.defaults.steps)
    assert await RunEstimates(api.read_model, api.clock).estimate("default", TINY.name, size) is None
