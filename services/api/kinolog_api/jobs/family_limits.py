"""What the family of a model cannot do, checked as a job is submitted instead of in an attempt (decision 77). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kinolog.codec.enums import ROLE_FROM_PROTO
from kinolog.counts import counted
from kinolog.models.catalogue import ModelEntry
from kinolog.models.families import Family, GuidanceKind, refusal_of
from kinolog.models.input_roles import InputRole
from kinolog.models.renderers import EMBEDDED, VIDEO_SERVER_RENDERER
from kinolog.storyboard.planner import MAX_SCENES, PlannedScene
from kinolog.storyboard.shots import marked_shots
from kinolog.texts import blank_as_empty
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import RequestViolation, numbered_violation

CUT_AT_MARKS = frozenset({pb.SHOTS_AUTO, pb.SHOTS_WRITTEN})
"""A prompt whose shots a language model writes is cut at its marks if there is no usable answer."""


def family_violations(request: pb.SubmitJobRequest, model: ModelEntry) -> list[RequestViolation]:
    """Return what the model's pipeline class does not take. A class that is not known here is left to the worker.

    What a server takes is checked by `server_violations`.
    """
    if model.renderer == VIDEO_SERVER_RENDERER:
        return []
    if model.pipeline and (refusal := refusal_of(model.pipeline)):
        return [RequestViolation("model", f"{model.name} renders no jobs: {refusal}")]
    family = model.family
    if family is None:
        return _unknown_family_violations(request, model)
    return [
        *_input_violations(request, model, family),
        *_chain_violations(request, model, family),
        *_fixed_violations(request, model, family),
        *_negative_violations(request, model, family),
    ]


def _unknown_family_violations(request: pb.SubmitJobRequest, model: ModelEntry) -> list[RequestViolation]:
    problem = f"what {model.name} starts from is not known here; its entry in the catalogue needs `pipeline`"
    if model.source == EMBEDDED:
        problem = f"{model.name} starts from a text alone; leave it out, or name another model"
    asked = {"inputs": bool(request.inputs), "chained": request.chained}
    return [RequestViolation(field, problem) for field, is_asked in asked.items() if is_asked]


def _input_violations(
    request: pb.SubmitJobRequest, model: ModelEntry, family: Family
) -> list[RequestViolation]:
    """Return the inputs that the model does not take, and those that it lacks."""
    roles = [InputRole(ROLE_FROM_PROTO[reference.role]) for reference in request.inputs]
    if roles and not family.inputs:
        problem = f"{model.name} starts from a text alone; leave them out, or name a model that takes them"
        return [RequestViolation("inputs", problem)]
    found = []
    if unknown := family.unknown_inputs(roles):
        found.append(RequestViolation("inputs", f"{model.name} {unknown}"))
    if missing := family.missing_inputs(roles):
        found.append(RequestViolation("inputs", f"{model.name} needs {missing}: upload it and name it here"))
    return found


def _chain_violations(
    request: pb.SubmitJobRequest, model: ModelEntry, family: Family
) -> list[RequestViolation]:
    if not request.chained or family.chain_frames:
        return []
    problem = (
        f"{model.name} goes on from no scene: {family.pipeline} starts neither from a first picture alone nor from a "
        "video that it continues. Leave it out, or name a model that does"
    )
    return [RequestViolation("chained", problem)]


def _fixed_violations(
    request: pb.SubmitJobRequest, model: ModelEntry, family: Family
) -> list[RequestViolation]:
    """Return the fields that the pipeline does not take, unless they state what it does anyway."""
    defaults = model.defaults
    found = []
    no_guidance = family.guidance is GuidanceKind.NONE
    if no_guidance and request.HasField("guidance") and request.guidance != defaults.guidance:
        problem = f"takes no guidance: {family.pipeline} draws without. Leave it out"
        found.append(RequestViolation("guidance", f"{model.name} {problem}"))
    if family.fixed_steps and request.HasField("steps") and request.steps != defaults.steps:
        problem = f"takes no number of steps: those of {family.pipeline} are fixed. Leave it out"
        found.append(RequestViolation("steps", f"{model.name} {problem}"))
    return found


def _negative_violations(
    request: pb.SubmitJobRequest, model: ModelEntry, family: Family
) -> list[RequestViolation]:
    if family.negative_prompt:
        return []
    problem = f"takes no negative prompt: {family.pipeline} ignores it. Leave it out"
    if blank_as_empty(request.negative_prompt):
        return [RequestViolation("negative_prompt", f"{model.name} {problem}")]
    if request.shots in CUT_AT_MARKS and marked_shots(request.prompt, 1).negative:
        return [RequestViolation("prompt", f"has a negative line, and {model.name} {problem}")]
    return []


def scene_violations(
    request: pb.SubmitJobRequest, scenes: Sequence[PlannedScene], model: ModelEntry
) -> list[RequestViolation]:
    """Return the violation of scenes that one call of the model's pipeline does not draw.

    It draws so many frames at most, and the inputs of a job are those of its first scene. A number of frames that the
    pipeline does not draw is no violation: the worker rounds up and drops the tail.
    """
    if len(scenes) > 1 and model.renderer == VIDEO_SERVER_RENDERER:
        problem = (
            f"{model.name} makes one scene, and this is cut into {len(scenes)}: give one prompt, and no shots"
        )
        return [RequestViolation("scenes" if request.scenes else "shots", problem)]
    if len(scenes) > 1 and model.family and (found := _unconnected_violations(request, scenes, model)):
        return found
    if len(scenes) > MAX_SCENES:
        length = counted(model.window_frames, "frame")
        problem = f"would be {counted(len(scenes), 'window')} of at most {length}, and a job has at most {MAX_SCENES}"
        return [RequestViolation(_field_of_length(request), f"{problem}: make it shorter")]
    longest = longest_scene(model)
    if not longest:
        return []
    limit = f"{model.name} draws at most {counted(longest, 'frame')} in a scene"
    too_long = [scene for scene in scenes if scene.frames > longest]
    if any(scene.HasField("duration_seconds") for scene in request.scenes):
        return [
            numbered_violation(scene.index, "duration_seconds", f"{limit}, and not {scene.frames}")
            for scene in too_long
        ]
    drawn = max((scene.frames for scene in too_long), default=0)
    return [RequestViolation(_field_of_length(request), f"{limit}, and not {drawn}")] if drawn else []


def _unconnected_violations(
    request: pb.SubmitJobRequest, scenes: Sequence[PlannedScene], model: ModelEntry
) -> list[RequestViolation]:
    """Return the violation of scenes after the first that have nothing to start from."""
    family, field = model.family, "scenes" if request.scenes else "shots"
    if family is None:
        return []
    if request.chained:
        if followed := _followed_clip(request):
            problem = (
                f"a {followed.noun} is followed by the first scene alone, and the video is cut into several"
            )
            return [RequestViolation("chained", f"{problem}: leave chained out and make it shorter")]
        short = [scene for scene in scenes[:-1] if family.chain_role(scene.frames) is None]
        problem = (
            f"{model.name} goes on from more frames than {short[0].frames}: make scenes longer"
            if short
            else ""
        )
        return [RequestViolation("chained", problem)] if problem else []
    if not (missing := family.missing_inputs(())):
        return []
    way_out = "set chained, and each goes on from the one before" if family.chain_frames else ""
    problem = f"{model.name} needs {missing} for each scene, and a job has one for its first: "
    return [RequestViolation(field, f"{problem}{' or '.join(filter(None, [way_out, 'give one scene']))}")]


def _followed_clip(request: pb.SubmitJobRequest) -> InputRole | None:
    """Return the role of a clip that a video follows frame by frame; None without one."""
    roles = (InputRole(ROLE_FROM_PROTO[reference.role]) for reference in request.inputs)
    return next((role for role in roles if role in (InputRole.CONTROL, InputRole.FACE)), None)


def longest_scene(model: ModelEntry) -> int:
    """Return the frames of the longest scene that a model draws; 0 for one without a limit."""
    return model.family.longest if model.family else 0


def _field_of_length(request: pb.SubmitJobRequest) -> str:
    """Return the field that the length of scenes comes from."""
    if request.HasField("frames"):
        return "frames"
    if request.shots in CUT_AT_MARKS and not request.HasField("duration_seconds"):
        return "prompt"
    return "duration_seconds"
