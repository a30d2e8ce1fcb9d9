"""The plan of a job that renders a completed one again, from the record of that one. Pure."""

from __future__ import annotations

from kinolog.codec.public_job import UnsealedFields
from kinolog.job.state import Job
from kinolog.job.values import Priority
from kinolog.models.codecs import VideoCodec
from kinolog.privacy.sealer import Sealer
from kinolog.storyboard.planner import Shots
from kinolog.storyboard.recorded_scenes import recorded_scenes
from kinolog_api.inputs.job_inputs import EarlierInput
from kinolog_api.jobs.job_plan import DEFAULT_MAX_ATTEMPTS, JobPlan
from kinolog_api.jobs.sealed_submit import PlannedSubmit


def recorded_submit(
    original: Job,
    unsealed: UnsealedFields,
    sealer: Sealer,
    *,
    job_id: str,
    request_id: str,
    priority: Priority,
    body: bytes,
) -> PlannedSubmit:
    """Return the job that renders `original` again. `sealer` is that of the original, whose inputs are copied.

    It calls no webhook: those who wait for the original have it.
    """
    inputs = zip(original.spec.inputs, unsealed.inputs, strict=True)
    return PlannedSubmit(
        job_id=job_id,
        request_id=request_id,
        plan=_plan(original, unsealed, priority),
        scenes=recorded_scenes(original, unsealed.prompt, unsealed.scenes),
        inputs=tuple(EarlierInput(one, facts, sealer, index) for index, (one, facts) in enumerate(inputs)),
        body=body,
        reproduces=original.id,
    )


def _plan(original: Job, unsealed: UnsealedFields, priority: Priority) -> JobPlan:
    spec = original.spec
    return JobPlan(
        model=spec.model,
        model_class=spec.model_class,
        prompt=unsealed.prompt,
        common_prompt=unsealed.prompt,
        shots=Shots.ONE,
        negative_prompt=unsealed.negative_prompt,
        width=spec.width,
        height=spec.height,
        frames=spec.frames,
        fps=spec.fps,
        steps=spec.steps,
        guidance=spec.guidance,
        seed=spec.seed,
        style=spec.style,
        webhook="",
        webhook_format="",
        webhook_events=(),
        codec=spec.codec or VideoCodec.H264,
        crf=spec.crf,
        title=unsealed.title,
        priority=priority,
        max_attempts=DEFAULT_MAX_ATTEMPTS,
        chained=spec.chained,
        upscaler=spec.upscaler,
        interpolate_fps=spec.interpolate_fps,
        prompt_writer=spec.prompt_writer,
        prompt_writer_trouble=spec.prompt_writer_trouble,
        loras=spec.loras,
        profile=spec.profile,
        sigmas=spec.sigmas,
        flow_shift=spec.flow_shift,
        cache=spec.cache,
    )
