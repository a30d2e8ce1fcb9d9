"""The plan of a submitted job: defaults of its model filled in, and checked against the model's limits. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from kinolog.codec.enums import PRIORITY_FROM_PROTO
from kinolog.counts import counted
from kinolog.job.values import Priority
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.texts import blank_as_empty
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.jobs.family_limits import family_violations
from kinolog_api.rpc.errors import RequestViolation, invalid_argument

DEFAULT_MAX_ATTEMPTS = 3
"""Attempts of a job whose request does not limit them."""

SEED_LIMIT = 2**32
"""Drawn seeds are less than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """A complete specification of a job, without optional fields. Holds prompts unsealed."""

    model: str
    model_class: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    frames: int
    fps: int
    steps: int
    guidance: float
    seed: int
    style: str
    webhook: str
    priority: Priority
    max_attempts: int


def plan_job(request: pb.SubmitJobRequest, catalogue: Catalogue, draw_seed: Callable[[], int]) -> JobPlan:
    """Return the plan of a request. Raises INVALID_ARGUMENT with one violation per exceeded limit of the model."""
    model = catalogue.get(request.model)
    if model is None:
        known = ", ".join(catalogue.names)
        raise invalid_argument([RequestViolation("model", f"must be one of {known}")], "UNKNOWN_MODEL")
    plan = _with_defaults(request, model, draw_seed)
    violations = [*_violations(request, plan, model), *family_violations(request, model)]
    if violations:
        raise invalid_argument(violations, "MODEL_LIMITS")
    return plan


def _with_defaults(request: pb.SubmitJobRequest, model: ModelEntry, draw_seed: Callable[[], int]) -> JobPlan:
    has = request.HasField
    defaults = model.defaults
    fps = request.fps if has("fps") else defaults.fps
    if has("frames"):
        frames = request.frames
    elif has("duration_seconds"):
        frames = max(1, round(request.duration_seconds * fps))
    else:
        frames = defaults.frames
    return JobPlan(
        model=model.name,
        model_class=model.model_class,
        prompt=request.prompt,
        negative_prompt=blank_as_empty(request.negative_prompt) or defaults.negative_prompt,
        width=request.width if has("width") else defaults.width,
        height=request.height if has("height") else defaults.height,
        frames=frames,
        fps=fps,
        steps=request.steps if has("steps") else defaults.steps,
        guidance=request.guidance if has("guidance") else defaults.guidance,
        seed=request.seed if has("seed") else draw_seed(),
        style=blank_as_empty(request.style).strip().lower(),
        webhook=request.webhook,
        priority=PRIORITY_FROM_PROTO.get(request.priority, Priority.MEDIUM),
        max_attempts=request.max_attempts if has("max_attempts") else DEFAULT_MAX_ATTEMPTS,
    )


def _violations(request: pb.SubmitJobRequest, plan: JobPlan, model: ModelEntry) -> list[RequestViolation]:
    """Return the exceeded limits of the model, each with the allowed values."""
    found = []
    if not model.takes_size(plan.width, plan.height):
        field = "width" if request.HasField("width") or not request.HasField("height") else "height"
        size = f"{plan.width}x{plan.height}"
        found.append(RequestViolation(field, f"{model.name} does not take {size}; it takes {_sizes(model)}"))
    if plan.frames > model.max_frames:
        field = "frames" if request.HasField("frames") else "duration_seconds"
        seconds = model.max_frames / plan.fps
        frames, rate = counted(model.max_frames, "frame"), counted(plan.fps, "frame")
        limit = f"at most {frames}, {seconds:g} s at {rate} per second"
        found.append(RequestViolation(field, f"{model.name} renders {limit}"))
    if plan.steps > model.max_steps:
        found.append(
            RequestViolation("steps", f"{model.name} takes at most {counted(model.max_steps, 'step')}")
        )
    if plan.style and plan.style not in _lower_case(model.styles):
        known = ", ".join(model.styles) or "none"
        found.append(RequestViolation("style", f"must be a style of {model.name}: {known}"))
    return found


def _sizes(model: ModelEntry) -> str:
    if model.sizes:
        return ", ".join(model.sizes)
    return f"even widths and heights of at most {model.max_pixels} pixels in total"


@lru_cache(maxsize=64)
def _lower_case(styles: tuple[str, ...]) -> frozenset[str]:
    return frozenset(style.lower() for style in styles)
