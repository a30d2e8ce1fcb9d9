"""What the family of a model cannot do, checked as a job is submitted instead of in an attempt (decision 77). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kinolog.counts import counted
from kinolog.models.catalogue import ModelEntry
from kinolog.models.families import refusal_of
from kinolog.storyboard.planner import PlannedScene
from kinolog.texts import blank_as_empty
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import RequestViolation


def family_violations(request: pb.SubmitJobRequest, model: ModelEntry) -> list[RequestViolation]:
    """Return what the model's pipeline class does not take. A class that is not known here is left to the worker."""
    if model.pipeline and (refusal := refusal_of(model.pipeline)):
        return [RequestViolation("model", f"{model.name} renders no jobs: {refusal}")]
    family = model.family
    if family is None or family.negative_prompt or not blank_as_empty(request.negative_prompt):
        return []
    problem = f"{model.name} takes no negative prompt: {family.pipeline} ignores it. Leave it out"
    return [RequestViolation("negative_prompt", problem)]


def scene_violations(
    request: pb.SubmitJobRequest, scenes: Sequence[PlannedScene], model: ModelEntry
) -> list[RequestViolation]:
    """Return the violation of scenes that are longer than one call of the model's pipeline draws.

    A number of frames that the pipeline does not draw is no violation: the worker rounds up and drops the tail.
    """
    longest = model.family.longest if model.family else 0
    # A model with a native length draws at most that many, and repeats them.
    if not longest or model.native_frames:
        return []
    drawn = max((scene.frames for scene in scenes), default=0)
    if drawn <= longest:
        return []
    field = "frames" if request.HasField("frames") else "duration_seconds"
    problem = f"{model.name} draws at most {counted(longest, 'frame')} in a scene, and not {drawn}"
    return [RequestViolation(field, problem)]
