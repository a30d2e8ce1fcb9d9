"""The plan of a submitted job: defaults of its model filled in, and checked against the model's limits. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from weakref import WeakKeyDictionary

from kinolog.codec.enums import PRIORITY_FROM_PROTO
from kinolog.connections.recent_entries import RecentEntries
from kinolog.counts import counted
from kinolog.job.rendering.profile import StepCache
from kinolog.job.values import JobLora, Priority
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.models.choices.profiles import ModelProfile
from kinolog.storyboard.planner import MAX_PROMPT_CHARACTERS, MAX_SCENES, MIN_SCENE_FRAMES, SceneSpec, Shots
from kinolog.storyboard.shots import MarkedPrompt, Transition, joined, marked_shots
from kinolog.texts import blank_as_empty
from kinolog.v1 import job_service_pb2 as pb
from kinolog.webhooks.formats import stored_format
from kinolog_api.choices.interpolation import interpolation_violations
from kinolog_api.choices.job_codec import codec_violations, usual_crf
from kinolog_api.choices.job_loras import job_loras, lora_violations
from kinolog_api.choices.job_profile import (
    chosen_profile,
    profile_loras,
    profile_name,
    profile_violations,
)
from kinolog_api.choices.job_upscaler import result_size, upscaler_violations
from kinolog_api.choices.remembered_requests import remembered_by
from kinolog_api.choices.server_model import server_violations
from kinolog_api.choices.start_time import start_after
from kinolog_api.jobs.family_limits import CUT_AT_MARKS, family_violations, longest_scene
from kinolog_api.prompts.written_scenes import WishedVideo, WrittenScenes
from kinolog_api.rpc.errors import RequestViolation, invalid_argument, numbered_violation

DEFAULT_MAX_ATTEMPTS = 3
"""Attempts of a job whose request does not limit them."""

SEED_LIMIT = 2**32
"""Drawn seeds are less than this."""

REMEMBERED_PLANS = 500


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """A complete specification of a job, without optional fields. Holds prompts unsealed.

    `common_prompt` is what each scene shows; `prompt` is what lists show: the same, or the prompts of all scenes.
    `longest_frames` is the length of the longest scene that the model draws, 0 if there is no limit. Each scene of a
    `chained` job goes on from the one before, and one of more than `window_frames` is cut into several.
    """

    model: str
    model_class: str
    prompt: str
    common_prompt: str
    shots: Shots | tuple[SceneSpec, ...]
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
    webhook_format: str
    webhook_events: tuple[str, ...]
    codec: str
    crf: int
    title: str
    priority: Priority
    max_attempts: int
    longest_frames: int = 0
    chained: bool = False
    window_frames: int = 0
    upscaler: str = ""
    interpolate_fps: int = 0
    prompt_writer: str = ""
    prompt_writer_trouble: str = ""
    loras: tuple[JobLora, ...] = ()
    profile: str = ""
    sigmas: tuple[float, ...] = ()
    flow_shift: float = 0.0
    cache: StepCache | None = None
    start_after: datetime | None = None
    start_timeout_seconds: int = 0

    def of_another(self, prompt: str, seed: int) -> JobPlan:
        """Return the plan of a request that differs in prompt and seed. `replace` takes ten times as long."""
        copied = object.__new__(JobPlan)
        vars(copied).update(vars(self), prompt=prompt, common_prompt=prompt, seed=seed)
        return copied

    @property
    def wished_video(self) -> WishedVideo:
        """What a language model writes scenes for."""
        return WishedVideo(
            prompt=self.prompt,
            style=self.style,
            frames=self.frames,
            fps=self.fps,
            longest_frames=self.longest_frames,
        )

    def with_scenes(self, written: WrittenScenes) -> JobPlan:
        """Return the plan with the scenes of a language model; without any, as it is, with the reason."""
        if not written.scenes:
            return replace(self, prompt_writer_trouble=written.trouble)
        return replace(self, common_prompt="", shots=written.scenes, prompt_writer=written.writer)


def plan_job(request: pb.SubmitJobRequest, catalogue: Catalogue, draw_seed: Callable[[], int]) -> JobPlan:
    """Return the plan of a request. Raises INVALID_ARGUMENT with one violation per exceeded limit of the model.

    Plans are remembered: the next request that differs in prompt, id and seed alone takes a fifth of the time.
    """
    others = remembered_by(request)
    if others is None:
        return _new_plan(request, catalogue, draw_seed)
    remembered = _remembered.get(catalogue)
    if remembered is None:
        remembered = _remembered[catalogue] = RecentEntries(REMEMBERED_PLANS)
    plan = remembered.get(others)
    if plan is None:
        plan = _new_plan(request, catalogue, draw_seed)
        remembered[others] = plan.of_another("", 0)
        return plan
    return plan.of_another(request.prompt, request.seed if request.HasField("seed") else draw_seed())


_remembered: WeakKeyDictionary[Catalogue, RecentEntries[bytes, JobPlan]] = WeakKeyDictionary()
"""Plans without prompt and seed, of requests without other texts, by the other fields of the request."""


def _new_plan(request: pb.SubmitJobRequest, catalogue: Catalogue, draw_seed: Callable[[], int]) -> JobPlan:
    model = catalogue.get(request.model)
    if model is None:
        known = ", ".join(catalogue.names)
        raise invalid_argument([RequestViolation("model", f"must be one of {known}")], "UNKNOWN_MODEL")
    profile = chosen_profile(request, model) if request.profile else None
    loras = profile_loras(profile, job_loras(request, catalogue), catalogue.loras)
    plan = _with_defaults(request, model, draw_seed, profile or _AS_IT_IS, loras)
    size = result_size(plan.upscaler, plan.width, plan.height, catalogue)
    violations = [
        *_violations(request, plan, model),
        *codec_violations(plan.codec, plan.crf, size),
        *family_violations(request, model),
        *server_violations(request, plan.frames, plan.fps, model),
        *upscaler_violations(plan.upscaler, plan.width, plan.height, catalogue),
        *lora_violations(request, model, catalogue),
        *profile_violations(request, model, plan.loras),
        *interpolation_violations(plan.interpolate_fps, plan.fps, size),
    ]
    if violations:
        raise invalid_argument(violations, "MODEL_LIMITS")
    return plan


_AS_IT_IS = ModelProfile.model_construct()
"""The profile of a request that names none."""


def _with_defaults(
    request: pb.SubmitJobRequest,
    model: ModelEntry,
    draw_seed: Callable[[], int],
    profile: ModelProfile,
    loras: tuple[JobLora, ...],
) -> JobPlan:
    has = request.HasField
    defaults = model.defaults
    codec = request.codec.strip().lower() or defaults.codec
    fps = request.fps if has("fps") else defaults.fps
    shots = _shots(request)
    marked = marked_shots(request.prompt, MAX_SCENES) if shots is Shots.AUTO else MarkedPrompt(())
    seconds = _seconds(request, marked)
    length = defaults.frames if seconds is None else max(1, round(seconds * fps))
    window_frames = model.window_frames if request.chained else 0
    return JobPlan(
        model=model.name,
        model_class=model.model_class,
        prompt=blank_as_empty(request.prompt) or _prompt_of(request),
        common_prompt=blank_as_empty(request.prompt),
        shots=shots,
        negative_prompt=_negative_prompt(request, marked) or defaults.negative_prompt,
        width=request.width if has("width") else defaults.width,
        height=request.height if has("height") else defaults.height,
        frames=request.frames if has("frames") else length,
        fps=fps,
        steps=request.steps if has("steps") else profile.made_steps or defaults.steps,
        guidance=_guidance(request, profile, model),
        profile=profile_name(request),
        sigmas=profile.sigmas,
        flow_shift=profile.flow_shift or 0.0,
        cache=profile.step_cache,
        seed=request.seed if has("seed") else draw_seed(),
        style=blank_as_empty(request.style).strip().lower(),
        webhook=request.webhook,
        webhook_format=stored_format(request.webhook_format),
        webhook_events=tuple(request.webhook_events),
        codec=codec,
        crf=request.crf if has("crf") else usual_crf(codec, model),
        title=blank_as_empty(request.title).strip(),
        priority=PRIORITY_FROM_PROTO.get(request.priority, Priority.MEDIUM),
        max_attempts=request.max_attempts if has("max_attempts") else DEFAULT_MAX_ATTEMPTS,
        longest_frames=0 if window_frames else longest_scene(model),
        chained=request.chained,
        window_frames=window_frames,
        upscaler=request.upscaler,
        interpolate_fps=request.interpolate_fps,
        loras=loras,
        start_after=start_after(request),
        start_timeout_seconds=request.start_timeout_seconds,
    )


def _guidance(request: pb.SubmitJobRequest, profile: ModelProfile, model: ModelEntry) -> float:
    if request.HasField("guidance"):
        return request.guidance
    return model.defaults.guidance if profile.guidance is None else profile.guidance


def _shots(request: pb.SubmitJobRequest) -> Shots | tuple[SceneSpec, ...]:
    if not request.scenes:
        return Shots.AUTO if request.shots in CUT_AT_MARKS else Shots.ONE
    return tuple(
        SceneSpec(
            prompt=scene.prompt,
            seconds=scene.duration_seconds if scene.HasField("duration_seconds") else None,
            transition=_TRANSITIONS[scene.transition],
            seed=scene.seed if scene.HasField("seed") else None,
        )
        for scene in request.scenes
    )


_TRANSITIONS = {
    pb.TRANSITION_UNSPECIFIED: Transition.CUT,
    pb.TRANSITION_CUT: Transition.CUT,
    pb.TRANSITION_FADE: Transition.FADE,
    pb.TRANSITION_DISSOLVE: Transition.DISSOLVE,
}


def _prompt_of(request: pb.SubmitJobRequest) -> str:
    """Return the prompts of the scenes, as far as one prompt holds them."""
    whole = joined(scene.prompt.strip() for scene in request.scenes)
    return whole if len(whole) <= MAX_PROMPT_CHARACTERS else f"{whole[: MAX_PROMPT_CHARACTERS - 1]}…"


def _seconds(request: pb.SubmitJobRequest, marked: MarkedPrompt) -> float | None:
    """Return the length of the clip: that of the request, or of its scenes together, or of its marked shots."""
    if request.HasField("duration_seconds"):
        return request.duration_seconds
    if any(scene.HasField("duration_seconds") for scene in request.scenes):
        return sum(scene.duration_seconds for scene in request.scenes)
    return marked.seconds if marked.shots else None


def _negative_prompt(request: pb.SubmitJobRequest, marked: MarkedPrompt) -> str:
    """Return the negative prompt of a request, with the negative lines of a prompt that is cut."""
    return ", ".join(text for text in (blank_as_empty(request.negative_prompt), marked.negative) if text)


def _violations(request: pb.SubmitJobRequest, plan: JobPlan, model: ModelEntry) -> list[RequestViolation]:
    """Return the exceeded limits of the model, each with the allowed values."""
    found = []
    if not model.takes_size(plan.width, plan.height):
        field = "width" if request.HasField("width") or not request.HasField("height") else "height"
        size = f"{plan.width}x{plan.height}"
        found.append(RequestViolation(field, f"{model.name} does not take {size}; it takes {_sizes(model)}"))
    if plan.frames > model.most_frames(chained=plan.chained):
        found.append(_too_long(request, plan, model))
    if len(plan.negative_prompt) > MAX_PROMPT_CHARACTERS:
        problem = f"has more than {MAX_PROMPT_CHARACTERS:,} characters with the negative lines of the prompt"
        found.append(RequestViolation("negative_prompt", problem))
    if request.scenes and request.scenes[0].transition == pb.TRANSITION_DISSOLVE:
        problem = "must be cut or fade: there is no scene before it to dissolve from"
        found.append(numbered_violation(0, "transition", problem))
    found.extend(_short_scenes(plan))
    if plan.steps > model.max_steps:
        found.append(
            RequestViolation("steps", f"{model.name} takes at most {counted(model.max_steps, 'step')}")
        )
    if plan.style and plan.style not in _lower_case(model.styles):
        known = ", ".join(model.styles) or "none"
        found.append(RequestViolation("style", f"must be a style of {model.name}: {known}"))
    return found


def _too_long(request: pb.SubmitJobRequest, plan: JobPlan, model: ModelEntry) -> RequestViolation:
    """Return the violation of the field that makes the clip longer than the model renders."""
    most = model.most_frames(chained=plan.chained)
    limit = (
        f"{model.name} renders at most {counted(most, 'frame')}, {most / plan.fps:g} s "
        f"at {counted(plan.fps, 'frame')} per second"
    )
    if request.HasField("frames") or request.HasField("duration_seconds"):
        return RequestViolation("frames" if request.HasField("frames") else "duration_seconds", limit)
    together = f"last {plan.frames / plan.fps:g} s together; {limit}"
    if request.scenes:
        return RequestViolation("scenes", together)
    return RequestViolation("prompt", f"marks shots that {together}; give a duration to shorten them")


def _short_scenes(plan: JobPlan) -> list[RequestViolation]:
    """Return a violation for each scene of the request that is too short to be a scene."""
    if isinstance(plan.shots, Shots) or len(plan.shots) == 1:
        return []
    least = f"a scene has at least {counted(MIN_SCENE_FRAMES, 'frame')}"
    if plan.shots[0].seconds is None:
        if plan.frames >= MIN_SCENE_FRAMES * len(plan.shots):
            return []
        problem = f"share {counted(plan.frames, 'frame')}; {least}: give fewer scenes or a longer video"
        return [RequestViolation("scenes", problem)]
    shortest = MIN_SCENE_FRAMES / plan.fps
    return [
        numbered_violation(
            index,
            "duration_seconds",
            f"must be at least {shortest:.3g}: {least}, at {plan.fps} per second",
        )
        for index, scene in enumerate(plan.shots)
        if round((scene.seconds or 0) * plan.fps) < MIN_SCENE_FRAMES
    ]


def _sizes(model: ModelEntry) -> str:
    if model.sizes:
        return ", ".join(model.sizes)
    return f"even widths and heights of at most {model.max_pixels} pixels in total"


@lru_cache(maxsize=64)
def _lower_case(styles: tuple[str, ...]) -> frozenset[str]:
    return frozenset(style.lower() for style in styles)
