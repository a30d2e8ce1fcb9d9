"""Making a Submit command of a plan: the storyboard planned, everything personal sealed under the job's key."""

from __future__ import annotations

from dataclasses import dataclass

from kinolog.codec.public_job import UnsealedFields
from kinolog.ids import new_id
from kinolog.job.commands import Submit
from kinolog.job.values import Scene, Sealed, Spec
from kinolog.privacy.sealed_fields import NEGATIVE_PROMPT, PROMPT, WEBHOOK, scene_purpose
from kinolog.privacy.sealer import Sealer
from kinolog.storyboard.planner import PlannedScene as Shot
from kinolog.storyboard.planner import plan_storyboard as plan_scenes
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.job_plan import JobPlan
from kinolog_api.jobs.key_pool import UnusedKey
from kinolog_api.rpc.calls import Call
from kinolog_api.rpc.errors import FieldViolation, invalid

MOST_SCENE_CHARACTERS = 40_000
"""Of the prompts of all scenes. What stands before scene 1 is repeated in each, and a commit holds them twice."""


@dataclass(frozen=True, slots=True)
class PlannedSubmit:
    """A job that waits to be stored. `body` is the request as the hash sees it, `shots` its scenes in the clear."""

    job_id: str
    request_id: str
    plan: JobPlan
    shots: tuple[Shot, ...]
    body: bytes


def planned_submit(
    request: pb.SubmitJobRequest, plan: JobPlan, request_id: str, job_id: str
) -> PlannedSubmit:
    """Of a request and its plan. A client that repeats a request sends the same fields, so the body is the same.

    Raises an INVALID_ARGUMENT ApiError for a prompt whose scenes would not fit into a commit.
    """
    shots = plan_scenes(plan.prompt, plan.frames, plan.fps, plan.seed)
    if len(shots) > 1 and sum(len(shot.prompt) for shot in shots) > MOST_SCENE_CHARACTERS:
        description = (
            f"its {len(shots)} scenes repeat more text than {MOST_SCENE_CHARACTERS} characters in all"
        )
        raise invalid([FieldViolation("prompt", description)])
    return PlannedSubmit(job_id, request_id, plan, shots, request.SerializeToString(deterministic=True))


def sealed_submit(item: PlannedSubmit, key: UnusedKey, call: Call) -> tuple[Submit, UnsealedFields]:
    """The command, and what it seals in the clear.

    Its id is fresh: a repeat is told from another request by the body's hash, not by the command's id.
    """
    sealer = Sealer(item.job_id, key.secret)
    plan = item.plan
    scenes = tuple(
        Scene(
            index=shot.index,
            prompt=sealer.seal(shot.prompt, scene_purpose(shot.index)),
            start_seconds=shot.start_seconds,
            duration_seconds=shot.duration_seconds,
            frames=shot.frames,
            camera=shot.camera.value,
            transition=shot.transition.value,
            seed=shot.seed,
        )
        for shot in item.shots
    )
    command = Submit(
        id=new_id(),
        actor=call.actor,
        tenant=call.tenant,
        request_id=item.request_id,
        body_hash=sealer.body_hash(item.body),
        spec=_sealed_spec(plan, sealer),
        priority=plan.priority,
        max_attempts=plan.max_attempts,
        scenes=scenes,
        key_id=key.id,
    )
    prompts = tuple(shot.prompt for shot in item.shots)
    return command, UnsealedFields(
        prompt=plan.prompt, negative_prompt=plan.negative_prompt, webhook=plan.webhook, scenes=prompts
    )


def _sealed_spec(plan: JobPlan, sealer: Sealer) -> Spec:
    return Spec(
        prompt=sealer.seal(plan.prompt, PROMPT),
        negative_prompt=_sealed(plan.negative_prompt, NEGATIVE_PROMPT, sealer),
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
        webhook=_sealed(plan.webhook, WEBHOOK, sealer),
    )


def _sealed(text: str, purpose: str, sealer: Sealer) -> Sealed | None:
    return sealer.seal(text, purpose) if text else None
