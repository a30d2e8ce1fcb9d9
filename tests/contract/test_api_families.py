"""A job that the family of its model cannot render is refused as it is submitted, never attempted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from kinolog.models.catalogue import TINY, Catalogue, ModelEntry, with_family
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api


def _entry(name: str, pipeline: str) -> ModelEntry:
    return with_family(ModelEntry(name=name, source=f"/models/{name}", pipeline=pipeline, max_frames=3000))


def _scene(seconds: float | None = None) -> pb.SceneRequest:
    return pb.SceneRequest(prompt="a fox", duration_seconds=seconds)


FIRST = pb.InputReference(role=job_pb2.INPUT_ROLE_FIRST_FRAME, upload_id="a" * 26)
CONTROL = pb.InputReference(role=job_pb2.INPUT_ROLE_CONTROL, upload_id="a" * 26)
CLIP = pb.InputReference(role=job_pb2.INPUT_ROLE_VIDEO, upload_id="a" * 26)

CATALOGUE = Catalogue(
    [
        TINY,
        ModelEntry(name="no-class", source="owner/model"),
        _entry("latte", "LattePipeline"),
        _entry("hunyuan", "HunyuanVideoPipeline"),
        _entry("wan-i2v", "WanImageToVideoPipeline"),
        _entry("ltx", "LTXConditionPipeline"),
        _entry("skyreels-v2v", "SkyReelsV2DiffusionForcingVideoToVideoPipeline"),
        _entry("wan-animate", "WanAnimatePipeline"),
        _entry("wan-animate-2", "WanAnimate2ModularPipeline"),
        _entry("vace", "WanVACEPipeline"),
        _entry("upsampler", "LTXLatentUpsamplePipeline"),
        _entry("flux", "FluxPipeline"),
        _entry("modular", "Flux3ModularPipeline"),
        _entry("minimax", "MiniMaxH3ModularPipeline"),
        _entry("distilled", "Cosmos3DistilledModularPipeline"),
    ],
    TINY.name,
)


@pytest.fixture
async def families_api() -> AsyncIterator[RunningApi]:
    """An api whose models are of different families."""
    async with running_api(catalogue=CATALOGUE) as running:
        yield running


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"model": "latte", "frames": 17}, "frames", "latte draws at most 16 frames in a scene, and not 17"),
        ({"model": "latte", "duration_seconds": 3}, "duration_seconds", "at most 16 frames"),
        (
            {"model": "latte", "fps": 8, "scenes": [_scene(1), _scene(3)]},
            "scenes[1].duration_seconds",
            "latte draws at most 16 frames in a scene, and not 24 (scene 2)",
        ),
        ({"model": "latte", "frames": 40, "scenes": [_scene(), _scene()]}, "frames", "and not 20"),
        (
            {"model": "latte", "fps": 8, "shots": pb.SHOTS_AUTO, "prompt": "0-1s: rain. 1-4s: sun."},
            "prompt",
            "latte draws at most 16 frames in a scene, and not 24",
        ),
        ({"model": "hunyuan", "negative_prompt": "blurry"}, "negative_prompt", "takes no negative prompt"),
        (
            {"model": "hunyuan", "shots": pb.SHOTS_AUTO, "prompt": "A fox.\nNegative: blur"},
            "prompt",
            "has a negative line, and hunyuan takes no negative prompt",
        ),
        ({"model": "wan-i2v"}, "inputs", "wan-i2v needs a first picture: upload it and name it here"),
        (
            {
                "model": "wan-i2v",
                "inputs": [FIRST],
                "shots": pb.SHOTS_AUTO,
                "prompt": "0-1s: rain. 1-4s: sun.",
            },
            "shots",
            "wan-i2v needs a first picture for each scene, and a job has one for its first: set chained",
        ),
        ({"model": "wan-i2v", "inputs": [FIRST], "scenes": [_scene()] * 2}, "scenes", "give one scene"),
        ({"model": "latte", "inputs": [FIRST]}, "inputs", "latte starts from a text alone"),
        ({"model": "no-class", "inputs": [FIRST]}, "inputs", "its entry in the catalogue needs `pipeline`"),
        ({"model": "wan-i2v", "inputs": [FIRST, FIRST]}, "inputs", "takes at most 1 first picture"),
        ({"model": "wan-i2v", "inputs": [FIRST, CLIP]}, "inputs", "wan-i2v takes no video"),
        (
            {"model": "wan-animate"},
            "inputs",
            "needs a reference picture and a control video and a video of a face",
        ),
        ({"model": "upsampler"}, "model", "it enlarges the latents of another pipeline"),
        ({"model": "flux"}, "model", "FluxPipeline is no text-to-video pipeline"),
        ({"model": "modular"}, "model", "Flux3ModularPipeline is no text-to-video pipeline"),
        ({"model": TINY.name, "chained": True}, "chained", "kinolog-tiny starts from a text alone"),
        ({"model": "no-class", "chained": True}, "chained", "its entry in the catalogue needs `pipeline`"),
        (
            {"model": "latte", "chained": True},
            "chained",
            "LattePipeline starts neither from a first picture alone nor",
        ),
        (
            {"model": "wan-i2v", "inputs": [FIRST], "scenes": [_scene(), _scene()]},
            "scenes",
            "for its first: set chained, and each goes on from the one before or give one scene",
        ),
        (
            {
                "model": "skyreels-v2v",
                "inputs": [CLIP],
                "chained": True,
                "fps": 8,
                "scenes": [_scene(1), _scene(2)],
            },
            "chained",
            "skyreels-v2v goes on from more frames than 8",
        ),
        (
            {"model": "skyreels-v2v", "inputs": [CLIP], "chained": True, "frames": 2000},
            "frames",
            "would be 34 windows of at most 60 frames, and a job has at most 32",
        ),
        (
            {"model": "wan-animate-2", "inputs": [FIRST, CLIP], "chained": True},
            "chained",
            "wan-animate-2 goes on from no scene",
        ),
        (
            {"model": "vace", "inputs": [CONTROL], "chained": True, "frames": 200},
            "chained",
            "a control video is followed by the first scene alone, and the video is cut into several: leave",
        ),
        ({"model": "minimax", "guidance": 3}, "guidance", "minimax takes no guidance"),
        ({"model": "distilled", "steps": 8}, "steps", "distilled takes no number of steps"),
    ],
)
async def test_what_a_family_cannot_do_is_refused(
    families_api: RunningApi, fields: dict[str, Any], field: str, message: str
) -> None:
    """The error names the field and what to do, and no job is stored."""
    request = pb.SubmitJobRequest(**{"prompt": PROMPT} | fields)
    problem = await refused(families_api.jobs.SubmitJob(request))
    assert problem.code is grpc.StatusCode.INVALID_ARGUMENT
    assert problem.reason == "MODEL_LIMITS"
    assert message in problem.fields[field]


async def test_scenes_make_a_video_longer_than_one_call_draws(families_api: RunningApi) -> None:
    """Two scenes of 16 frames fit where one shot of 32 does not. A single shot keeps its negative line."""
    request = pb.SubmitJobRequest(model="latte", frames=32, scenes=[_scene(), _scene()])
    assert (await families_api.jobs.SubmitJob(request)).job.scene_count == 2
    request = pb.SubmitJobRequest(prompt="A fox.\nNegative: blur", model="hunyuan")
    assert (await families_api.jobs.SubmitJob(request)).created


async def test_other_numbers_of_frames_are_rounded_by_the_worker(families_api: RunningApi) -> None:
    """Fewer frames than the family draws, a blank negative prompt, and steps that are fixed anyway, are no errors."""
    request = pb.SubmitJobRequest(prompt=PROMPT, model="latte", frames=9)
    accepted = await families_api.jobs.SubmitJob(request)
    assert accepted.job.spec.frames == 9
    request = pb.SubmitJobRequest(prompt=PROMPT, model="distilled", steps=4, guidance=1)
    assert (await families_api.jobs.SubmitJob(request)).created
    request = pb.SubmitJobRequest(prompt=PROMPT, model="hunyuan", negative_prompt=" ")
    accepted = await families_api.jobs.SubmitJob(
        pb.SubmitJobRequest(prompt=PROMPT, model="hunyuan", negative_prompt=" ")
    )
    assert (accepted.job.spec.width, accepted.job.spec.frames) == (1280, 129)


async def test_a_chained_job_is_cut_into_what_its_model_draws(families_api: RunningApi) -> None:
    """A scene longer than that becomes windows, which share its frames and its prompt. The job is chained."""
    scenes = [pb.SceneRequest(prompt="a fox"), pb.SceneRequest(prompt="a hen")]
    request = pb.SubmitJobRequest(model="ltx", frames=500, scenes=scenes, chained=True, seed=7, prompt="noir")
    job = (await families_api.jobs.SubmitJob(request)).job
    found = await families_api.jobs.GetJob(pb.GetJobRequest(job_id=job.id))
    assert found.job.spec.chained
    assert [(scene.frames, scene.seed) for scene in found.job.scenes] == [
        (125, 7),
        (125, 8),
        (125, 7),
        (125, 8),
    ]
    assert [scene.prompt for scene in found.job.scenes] == ["noir. a fox"] * 2 + ["noir. a hen"] * 2
