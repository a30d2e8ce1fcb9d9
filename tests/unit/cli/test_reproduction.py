"""`kinolog reproduce`: what it prints, and its exit codes."""

from __future__ import annotations

import json

import grpc
import pytest

from kinolog.v1 import job_pb2 as pb
from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi, Refusal

FRAMES = pb.FrameComparison(psnr_db=41.52, ssim=0.9871, first_frame=5, different_frames=12)
TORCH = pb.RuntimeDifference(name="libraries.torch", original="2.9.1", reproduction="2.10.0")
GPU = pb.RuntimeDifference(name="hardware", reproduction="H200")


def _original(api: RecordingApi, found: pb.Reproduction | None = None) -> str:
    """Return a completed job. The recorded api compares its reproduction as stated, else finds it identical."""
    job = api.add_job()
    if found is not None:
        job.reproduction.CopyFrom(found)
    return api.commit(canned.completed(job), "completed").id


async def test_an_identical_video(kinolog: Kinolog, api: RecordingApi) -> None:
    """The command waits for the new job and ends with 0."""
    job_id = _original(api)
    done = await kinolog("reproduce", job_id, "--priority", "high")
    assert done.exit_code == ExitCode.OK, done.output
    assert "identical" in done.stdout
    (request,) = api.requests("ReproduceJob")
    assert (request.job_id, request.priority) == (job_id, pb.PRIORITY_HIGH)


async def test_another_video(kinolog: Kinolog, api: RecordingApi) -> None:
    """The first frame that differs, how like they are, and what differs in what they ran with. `show` says it too."""
    job_id = _original(api, pb.Reproduction(frames=FRAMES, differences=[TORCH, GPU]))
    done = await kinolog("reproduce", job_id)
    assert done.exit_code == ExitCode.FAILED
    words = (
        "12 frames differ, the first is 5; PSNR 41.52 dB, SSIM 0.9871",
        "2.9.1, now 2.10.0",
        "none, now H200",
    )
    new = next(each.id for each in api.jobs.values() if each.reproduces == job_id)
    shown = (await kinolog("show", new)).stdout
    for each in words:
        assert each in done.stdout
        assert each in shown


async def test_a_video_that_was_not_compared(kinolog: Kinolog, api: RecordingApi) -> None:
    done = await kinolog("reproduce", _original(api, pb.Reproduction(trouble="the original is gone")))
    assert done.exit_code == ExitCode.FAILED
    assert "different; the original is gone" in done.stdout


async def test_json_and_no_wait(kinolog: Kinolog, api: RecordingApi) -> None:
    """JSON is one object, the job with its comparison. Without waiting, the id of the new job is all."""
    job_id = _original(api, pb.Reproduction(frames=FRAMES, differences=[TORCH]))
    done = await kinolog("reproduce", job_id, "--json")
    assert done.exit_code == ExitCode.FAILED
    job = json.loads(done.stdout)
    assert job["reproduces"] == job_id
    assert job["reproduction"]["frames"]["first_frame"] == 5
    at_once = await kinolog("reproduce", job_id, "--no-wait")
    assert at_once.exit_code == ExitCode.OK
    assert at_once.stdout.strip() in api.jobs


async def test_a_sample_names_the_models_that_drifted(kinolog: Kinolog, api: RecordingApi) -> None:
    """Jobs that are erased, not completed or reproductions themselves are left out."""
    same, other = _original(api), _original(api, pb.Reproduction(frames=FRAMES, differences=[TORCH]))
    api.add_job()
    for fields in ({"erased": True}, {"reproduces": same}):
        api.commit(canned.completed(api.add_job(**fields)), "completed")
    done = await kinolog("reproduce", "--since", "2026-11-01", "--sample", "9")
    assert done.exit_code == ExitCode.FAILED, done.output
    assert {request.job_id for request in api.requests("ReproduceJob")} == {same, other}
    assert "kinolog-tiny  drifted: 1 of 2 jobs identical" in done.stdout
    assert "2.9.1, now 2.10.0" in done.stdout
    listed = api.requests("ListJobs")
    assert {tuple(request.filter.models) for request in listed} == {("kinolog-tiny",)}
    assert all(request.filter.created_from.seconds for request in listed)


async def test_a_sample_as_json(kinolog: Kinolog, api: RecordingApi) -> None:
    """A line for each job, then one that has the models."""
    job_id = _original(api)
    done = await kinolog("reproduce", "--since", "2026-11-01", "--json")
    assert done.exit_code == ExitCode.OK, done.output
    one, models = map(json.loads, done.stdout.splitlines())
    assert (one["job_id"], one["again"]["reproduces"]) == (job_id, job_id)
    counts = {"identical": 1, "different": 0, "not_compared": 0, "drifted": False}
    assert models == {"models": [{"model": "kinolog-tiny"} | counts]}


async def test_a_sample_has_the_reason_of_a_refusal(kinolog: Kinolog, api: RecordingApi) -> None:
    """A model that changed in the catalogue is no drift, and not content either."""
    _original(api)
    why = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "NOT_REPRODUCIBLE", "the model has another revision")
    api.failures["ReproduceJob"] = why
    done = await kinolog("reproduce", "--since", "2026-11-01")
    assert done.exit_code == ExitCode.FAILED
    assert "the model has another revision" in done.stdout
    assert "no job was compared" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give the id of a job, or --since TIME"),
        (("q7xm", "--since", "2026-11-01"), "one of them"),
        (("q7xm", "--model", "wan"), "--model belongs to --since"),
        (("--since", "yesterday"), "must be a day or a time"),
    ],
)
async def test_a_wrong_sample(kinolog: Kinolog, arguments: tuple[str, ...], words: str) -> None:
    done = await kinolog("reproduce", *arguments)
    assert done.exit_code == ExitCode.USAGE
    assert words in " ".join(done.stderr.split())
