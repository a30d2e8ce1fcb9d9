"""A video before it is submitted: what is errors with it, which scenes it will have, and how long it may take. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from kinolog.storyboard.planner import PlannedScene, plan_storyboard
from kinolog_client.catalogue import ModelInfo
from kinolog_client.jobs import JobInfo
from kinolog_client.requests import VideoRequest

MAX_PROMPT_CHARACTERS = 4_000
MAX_SEED = 9_007_199_254_740_991


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form, as it was typed."""

    prompt: str = ""
    negative_prompt: str = ""
    priority: str = ""
    style: str = ""
    duration: str = ""
    size: str = ""
    steps: str = ""
    seed: str = ""


@dataclass(frozen=True, slots=True)
class CheckedDraft:
    """A draft against a model: `errors` names fields and says what is errors; the rest holds where nothing is."""

    request: VideoRequest
    frames: int
    fps: int
    steps: int
    width: int
    height: int
    errors: dict[str, str] = field(default_factory=dict)


def check_draft(draft: Draft, model: ModelInfo) -> CheckedDraft:
    """What the model makes of a draft. What is left out is the model's default."""
    errors: dict[str, str] = {}
    defaults = model.defaults
    if not draft.prompt.strip():
        errors["prompt"] = "is empty; say what the video shall show"
    elif len(draft.prompt) > MAX_PROMPT_CHARACTERS:
        errors["prompt"] = f"has {len(draft.prompt):,} characters; {MAX_PROMPT_CHARACTERS:,} at most"
    longest = model.max_frames / defaults.fps
    duration = _parse_number(draft.duration, defaults.duration, 1 / defaults.fps, longest, "duration", errors)
    steps = int(_parse_number(draft.steps, defaults.steps, 1, model.max_steps, "steps", errors, whole=True))
    seed = int(_parse_number(draft.seed, 0, 0, MAX_SEED, "seed", errors, whole=True))
    width, height = _parse_size(draft.size, model, errors)
    given = bool(draft.duration)
    request = VideoRequest(
        prompt=draft.prompt.strip(),
        negative_prompt=draft.negative_prompt or None,
        priority=draft.priority or None,
        style=draft.style or None,
        model=model.name,
        size=draft.size.lower() or None,
        duration=float(duration) if given else None,
        steps=steps if draft.steps else None,
        seed=seed if draft.seed else None,
    )
    frames = max(1, round(duration * defaults.fps)) if given else defaults.frames
    return CheckedDraft(request, frames, defaults.fps, steps, width, height, errors)


def _parse_number(
    text: str,
    default: float,
    least: float,
    most: float,
    name: str,
    errors: dict[str, str],
    *,
    whole: bool = False,
) -> float:
    if not text:
        return default
    try:
        value = float(int(text)) if whole else float(text)
    except ValueError:
        errors[name] = "must be a whole number" if whole else "must be a number"
        return default
    if not least <= value <= most:
        errors[name] = f"must be {least:.3g} to {most:,.10g}"
        return default
    return int(text) if whole else value


def _parse_size(text: str, model: ModelInfo, errors: dict[str, str]) -> tuple[int, int]:
    typed = (text or model.defaults.size).lower()
    sides = typed.split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        errors["size"] = f"must be WxH, such as {model.defaults.size}"
        sides = model.defaults.size.split("x")
    elif model.sizes and typed not in model.sizes:
        errors["size"] = f"must be one of {', '.join(model.sizes)}"
    elif not all(16 <= int(side) <= 8192 for side in sides):
        errors["size"] = "must have sides of 16 to 8192 pixels"
    return int(sides[0]), int(sides[1])


def planned_scenes(checked: CheckedDraft) -> tuple[PlannedScene, ...]:
    """The scenes that the service will plan for it: it uses the same rules. None while the prompt is errors."""
    if "prompt" in checked.errors or "duration" in checked.errors:
        return ()
    return plan_storyboard(
        checked.request.prompt, frames=checked.frames, fps=checked.fps, seed=checked.request.seed or 0
    )


def estimate_seconds(checked: CheckedDraft, past: Sequence[JobInfo]) -> float | None:
    """Seconds it may run, from the median of past jobs per pixel, frame and step; None without any."""
    rates = [
        (job.finished_at - job.started_at).total_seconds() / (job.width * job.height * job.frames * job.steps)
        for job in past
        if job.started_at is not None
        and job.finished_at is not None
        and job.width * job.height * job.frames * job.steps
    ]
    if not rates:
        return None
    return median(rates) * checked.width * checked.height * checked.frames * checked.steps
