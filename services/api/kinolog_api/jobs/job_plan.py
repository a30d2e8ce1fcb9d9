"""What a submitted job will be: defaults of its model filled in, checked against what the model can do. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from kinolog.codec.enums import PRIORITY_FROM_WIRE
from kinolog.job.values import Priority
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import FieldViolation, invalid

MAX_ATTEMPTS = 3
"""Attempts of jobs that do not say."""

SEEDS = 2**32
"""Seeds are drawn from 0 up to here, not included."""


@dataclass(frozen=True, slots=True)
class JobPlan:
    """Everything that a request asks for, nothing left open. Holds prompts in the clear."""

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
    """The plan. Raises an INVALID_ARGUMENT ApiError with a violation for each thing the model cannot do."""
    model = catalogue.get(request.model)
    if model is None:
        known = ", ".join(catalogue.names)
        raise invalid([FieldViolation("model", f"must be one of {known}")], "UNKNOWN_MODEL")
    plan = _filled(request, model, draw_seed)
    violations = _violations(request, plan, model)
    if violations:
        raise invalid(violations, "MODEL_LIMITS")
    return plan


def _filled(request: pb.SubmitJobRequest, model: ModelEntry, draw_seed: Callable[[], int]) -> JobPlan:
    given = request.HasField
    defaults = model.defaults
    fps = request.fps if given("fps") else defaults.fps
    if given("frames"):
        frames = request.frames
    elif given("duration_seconds"):
        frames = max(1, round(request.duration_seconds * fps))
    else:
        frames = defaults.frames
    return JobPlan(
        model=model.name,
        model_class=model.model_class,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt or defaults.negative_prompt,
        width=request.width if given("width") else defaults.width,
        height=request.height if given("height") else defaults.height,
        frames=frames,
        fps=fps,
        steps=request.steps if given("steps") else defaults.steps,
        guidance=request.guidance if given("guidance") else defaults.guidance,
        seed=request.seed if given("seed") else draw_seed(),
        style=request.style.strip().lower(),
        webhook=request.webhook,
        priority=PRIORITY_FROM_WIRE.get(request.priority, Priority.MEDIUM),
        max_attempts=request.max_attempts if given("max_attempts") else MAX_ATTEMPTS,
    )


def _violations(request: pb.SubmitJobRequest, plan: JobPlan, model: ModelEntry) -> list[FieldViolation]:
    """What the model cannot do, each with what it can."""
    found = []
    if not model.takes_size(plan.width, plan.height):
        field = "width" if request.HasField("width") or not request.HasField("height") else "height"
        size = f"{plan.width}x{plan.height}"
        found.append(FieldViolation(field, f"{model.name} does not take {size}; it takes {_sizes(model)}"))
    if plan.frames > model.max_frames:
        field = "frames" if request.HasField("frames") else "duration_seconds"
        seconds = model.max_frames / plan.fps
        most = f"at most {model.max_frames} frames, {seconds:g} seconds at {plan.fps} frames per second"
        found.append(FieldViolation(field, f"{model.name} makes {most}"))
    if plan.steps > model.max_steps:
        found.append(FieldViolation("steps", f"{model.name} takes at most {model.max_steps} steps"))
    if plan.style and plan.style not in _styles(model.styles):
        known = ", ".join(model.styles) or "none"
        found.append(FieldViolation("style", f"must be one that {model.name} knows: {known}"))
    return found


def _sizes(model: ModelEntry) -> str:
    if model.sizes:
        return ", ".join(model.sizes)
    return f"even widths and heights of at most {model.max_pixels} pixels together"


@lru_cache(maxsize=64)
def _styles(styles: tuple[str, ...]) -> frozenset[str]:
    return frozenset(style.lower() for style in styles)
