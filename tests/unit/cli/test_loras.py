"""`kinolog generate --lora`, and what the command shows of LoRAs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.recording_api import RecordingApi


async def test_loras_as_options(kinolog: Kinolog, api: RecordingApi) -> None:
    """Each has its weight after a colon, or that of the catalogue."""
    done = await kinolog("generate", "a fox", "--lora", "ink", "--lora", "oil.v1:-0.5", "--profile", "turbo")
    assert done.exit_code == 0, done.output
    (request,) = api.requests("SubmitJob")
    assert request.profile == "turbo"
    assert list(request.loras) == [pb.LoraReference(name="ink"), pb.LoraReference(name="oil.v1", weight=-0.5)]


async def test_loras_in_a_file_of_jobs(kinolog: Kinolog, api: RecordingApi, tmp_path: Path) -> None:
    """A line may have others than the option names; a wrong one keeps no other line back."""
    file = tmp_path / "jobs.jsonl"
    lines = [{"prompt": "x", "loras": [{"name": "oil", "weight": 2}]}, {"prompt": "y"}]
    wrong = [{"prompt": "z", "loras": loras} for loras in ("oil", [{"weight": 1}])]
    file.write_text("\n".join(map(json.dumps, [*lines, *wrong])))
    done = await kinolog("generate", "--file", str(file), "--lora", "ink")
    assert done.exit_code == ExitCode.USAGE
    first, second = api.requests("SubmitJob")
    assert [(lora.name, lora.weight) for lora in (*first.loras, *second.loras)] == [("oil", 2), ("ink", 0)]
    assert "loras that are not a list" in done.stderr
    assert "LoRA 1 is not a JSON object" in done.stderr


@pytest.mark.parametrize(
    ("value", "words"), [("ink:strong", "is no number"), ("ink:5", "less than or equal")]
)
async def test_a_wrong_weight_is_named(kinolog: Kinolog, api: RecordingApi, value: str, words: str) -> None:
    done = await kinolog("generate", "a fox", "--lora", value)
    assert done.exit_code == ExitCode.USAGE
    assert words in done.stderr
    assert api.requests("SubmitJob") == []


async def test_they_are_listed_with_the_models(kinolog: Kinolog) -> None:
    """What a request needs: the name, the models, the words that call for it, and the licence."""
    listed = (await kinolog("models")).stdout
    assert "LoRA ink: Ink on paper. apache-2.0; fits kinolog-tiny, weight 0.8. Say ink wash." in listed


async def test_a_job_shows_its_loras(kinolog: Kinolog, api: RecordingApi) -> None:
    job = api.add_job()
    job.spec.loras.append(job_pb2.JobLora(name="ink", weight=0.8))
    api.commit(job, "queued")
    assert "ink 0.8" in (await kinolog("show", job.id)).stdout


async def test_a_job_shows_its_profile(kinolog: Kinolog, api: RecordingApi) -> None:
    """With its step cache, and how its clips compare with those of exact, or that nobody measured it."""
    job = api.add_job()
    job.spec.profile = "cached"
    job.spec.cache.CopyFrom(job_pb2.StepCache(kind="taylor", interval=4, full_steps=3, order=1))
    attempt = job.attempts.add(number=1, worker="w1")
    attempt.profile.CopyFrom(job_pb2.UsedProfile(name="cached", cache=job.spec.cache))
    api.commit(job, "queued")
    shown = (await kinolog("show", job.id)).stdout
    assert "cached, taylor cache, each 4 steps after 3, order 1" in shown
    assert "not measured" in shown
    attempt.profile.MergeFrom(
        job_pb2.UsedProfile(
            calibration="ab" * 32,
            psnr_db=31.46,
            ssim=0.951,
            speed=1.8,
            clips=4,
            width=832,
            height=480,
            frames=81,
            steps=20,
            exact_steps=50,
        )
    )
    api.commit(job, "queued")
    shown = " ".join((await kinolog("show", job.id)).stdout.split())
    assert "PSNR 31.5 dB, SSIM 0.9510, 1.80 times as fast" in shown
    assert "4 clips of 832x480, 81 frames, 20 instead of 50 steps" in shown
