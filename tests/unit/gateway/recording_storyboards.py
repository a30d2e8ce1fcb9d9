"""The storyboard of a job, and the plan of one that is not submitted, as the recording api returns them."""

from __future__ import annotations

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from tests.unit.gateway.recording_api import RecordingApi


def get_storyboard(api: RecordingApi, request: jobs.GetStoryboardRequest) -> jobs.GetStoryboardResponse:
    """Return the scenes of a job."""
    scenes = api.get(request.job_id).scenes
    return jobs.GetStoryboardResponse(scenes=scenes, duration_seconds=sum(s.duration_seconds for s in scenes))


def plan_job(api: RecordingApi, request: jobs.PlanJobRequest) -> jobs.PlanJobResponse:
    """Return the plan of a job of two scenes. It draws its seed unless the request has one."""
    job = request.job
    spec = pb.JobSpec(
        prompt=job.prompt,
        negative_prompt=job.negative_prompt,
        model="kinolog-tiny",
        width=256,
        height=128,
        frames=16,
        fps=8,
        steps=20,
        guidance=4.0,
        seed=job.seed,
        style="cinematic",
        codec="h264",
        crf=20,
        loras=[pb.JobLora(name="ink", weight=0.5)],
        profile="turbo",
        upscaler="sharp-x2",
        interpolate_fps=16,
        chained=True,
    )
    scenes = [
        jobs.ScenePlan(
            index=index,
            prompt=job.prompt,
            start_seconds=float(index),
            duration_seconds=1.0,
            frames=8,
            camera="pan left",
            transition="cut",
            seed=job.seed if job.HasField("seed") else None,
            ignored_words=["zeppelin"],
            replaced_words=[jobs.ReplacedWord(word="gren", known="green")],
        )
        for index in range(2)
    ]
    return jobs.PlanJobResponse(
        spec=spec,
        priority=job.priority or pb.PRIORITY_MEDIUM,
        scenes=scenes,
        duration_seconds=2.0,
        draws_seed=not job.HasField("seed"),
        writes_prompts=bool(job.enhance_prompt),
        estimated_seconds=12.5,
        estimated_from_jobs=3,
        cost=11,
        variants=max(1, job.variants),
        total_cost=11 * max(1, job.variants),
        total_estimated_seconds=12.5 * max(1, job.variants),
    )
