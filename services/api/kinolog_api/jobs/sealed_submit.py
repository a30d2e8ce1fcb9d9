"""Builds the Submit command of a planned job: plans the storyboard and seals all personal data under the job's key.

See docs/decisions/0002.
"""

from __future__ import annotations

from dataclasses import dataclass

from kinolog.codec.public_job import UnsealedFields
from kinolog.counts import counted
from kinolog.ids import new_id
from kinolog.job.commands import Submit
from kinolog.job.cost import job_cost
from kinolog.job.values import JobInput, Scene, Sealed, Spec
from kinolog.privacy.sealed_fields import NEGATIVE_PROMPT, PROMPT, TITLE, WEBHOOK, scene_purpose
from kinolog.privacy.sealer import Sealer
from kinolog.storyboard.planner import PlannedScene, plan_storyboard
from kinolog.storyboard.windows import cut_into_windows
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.inputs.job_inputs import NO_INPUTS, CopiedInputs, InputSource
from kinolog_api.jobs.job_plan import JobPlan
from kinolog_api.jobs.key_pool import UnusedKey
from kinolog_api.rpc.call_origin import command_origin
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RequestViolation, invalid_argument

MAX_SCENE_CHARACTERS = 40_000
"""Limit of all scene prompts together. Each scene repeats what precedes scene 1, and a commit holds them twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSubmit:
    """A job to submit, unsealed. `body` is the serialized request, of which the job stores an HMAC.

    `reproduces` is the id of the completed job that it renders again, empty for none. `variant_of` is the id of the
    first job of a request for variants, empty for a single job; `variant` is the number of this one, from 1.
    """

    job_id: str
    request_id: str
    plan: JobPlan
    scenes: tuple[PlannedScene, ...]
    inputs: tuple[InputSource, ...]
    body: bytes
    reproduces: str = ""
    variant_of: str = ""
    variant: int = 0

    @property
    def cost(self) -> int:
        """What the job costs."""
        return job_cost(self.plan)


def planned_submit(
    request: pb.SubmitJobRequest, plan: JobPlan, *, request_id: str, job_id: str
) -> PlannedSubmit:
    """Plan the storyboard of a request. A repeated request has the same fields, so it has the same body.

    Raises INVALID_ARGUMENT for a prompt whose scenes do not fit into a commit.
    """
    scenes = plan_storyboard(
        plan.common_prompt, shots=plan.shots, frames=plan.frames, fps=plan.fps, seed=plan.seed
    )
    if plan.window_frames:
        scenes = cut_into_windows(scenes, plan.window_frames, plan.fps)
    if len(scenes) > 1 and sum(len(scene.prompt) for scene in scenes) > MAX_SCENE_CHARACTERS:
        description = (
            f"its {counted(len(scenes), 'scene')} repeat more than {MAX_SCENE_CHARACTERS} characters in total"
        )
        raise invalid_argument([RequestViolation("scenes" if request.scenes else "prompt", description)])
    return PlannedSubmit(
        job_id=job_id,
        request_id=request_id,
        plan=plan,
        scenes=scenes,
        inputs=tuple(request.inputs),
        body=request.SerializeToString(deterministic=True),
    )


def prompts_of(request: pb.SubmitJobRequest) -> dict[str, list[str]]:
    """Return the texts of a request that describe its video, by field."""
    return {
        "prompt": [request.prompt],
        "negative_prompt": [request.negative_prompt],
        "scenes": [scene.prompt for scene in request.scenes],
    }


def sealed_submit(
    item: PlannedSubmit, key: UnusedKey, call: RpcCall, copied: CopiedInputs = NO_INPUTS
) -> tuple[Submit, UnsealedFields]:
    """Return the Submit command of a job, and its personal data unsealed.

    The command has a new id: the hash of the body distinguishes a repeated request from another one, not this id.
    """
    sealer = Sealer(item.job_id, key.secret)
    plan = item.plan
    command = Submit(
        id=new_id(),
        actor=call.actor,
        tenant=call.tenant,
        request_id=item.request_id,
        body_hash=sealer.body_hash(item.body),
        spec=_sealed_spec(plan, sealer, copied.inputs),
        priority=plan.priority,
        max_attempts=plan.max_attempts,
        scenes=tuple(_sealed_scene(scene, sealer) for scene in item.scenes),
        key_id=key.id,
        start_after=plan.start_after,
        start_timeout_seconds=plan.start_timeout_seconds,
        reproduces=item.reproduces,
        variant_of=item.variant_of,
        variant=item.variant,
        origin=command_origin(call.key_id, call.origin, sealer),
    )
    return command, UnsealedFields(
        prompt=plan.prompt,
        negative_prompt=plan.negative_prompt,
        webhook=plan.webhook,
        title=plan.title,
        scenes=tuple(scene.prompt for scene in item.scenes),
        inputs=copied.facts,
    )


def _sealed_scene(scene: PlannedScene, sealer: Sealer) -> Scene:
    return Scene(
        index=scene.index,
        prompt=sealer.seal(scene.prompt, scene_purpose(scene.index)),
        start_seconds=scene.start_seconds,
        duration_seconds=scene.duration_seconds,
        frames=scene.frames,
        camera=scene.camera.value,
        transition=scene.transition.value,
        seed=scene.seed,
    )


def _sealed_spec(plan: JobPlan, sealer: Sealer, inputs: tuple[JobInput, ...]) -> Spec:
    return Spec(
        prompt=sealer.seal(plan.prompt, PROMPT),
        negative_prompt=_sealed_or_none(plan.negative_prompt, NEGATIVE_PROMPT, sealer),
        model=plan.model,
        model_class=plan.model_class,
        width=plan.width,
        height=plan.height,
        frames=plan.frames,
        fps=plan.fps,
        steps=plan.steps,
        guidance=plan.guidance,
        seed=plan.seed,
        style=plan.style,
        webhook=_sealed_or_none(plan.webhook, WEBHOOK, sealer),
        webhook_format=plan.webhook_format,
        webhook_events=plan.webhook_events,
        codec=plan.codec,
        crf=plan.crf,
        title=_sealed_or_none(plan.title, TITLE, sealer),
        tagged=True,
        prompt_writer=plan.prompt_writer,
        prompt_writer_trouble=plan.prompt_writer_trouble,
        chained=plan.chained,
        upscaler=plan.upscaler,
        interpolate_fps=plan.interpolate_fps,
        inputs=inputs,
        loras=plan.loras,
        profile=plan.profile,
        sigmas=plan.sigmas,
        flow_shift=plan.flow_shift,
        cache=plan.cache,
    )


def _sealed_or_none(text: str, purpose: str, sealer: Sealer) -> Sealed | None:
    return sealer.seal(text, purpose) if text else None
