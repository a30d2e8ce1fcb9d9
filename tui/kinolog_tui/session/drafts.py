"""A video before it is submitted: its errors, its scenes and its size. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from kinolog.models.codecs import VideoCodec
from kinolog.storyboard.planner import MAX_PROMPT_CHARACTERS, MAX_SCENES, PlannedScene, Shots, plan_storyboard
from kinolog.storyboard.prompt_vocabulary import PromptVocabulary, VocabularyMatch
from kinolog.storyboard.render_times import RenderSize
from kinolog.storyboard.shots import marked_shots
from kinolog.storyboard.windows import cut_into_windows
from kinolog_client import JobInfo, ModelInfo, VideoLora, VideoRequest

FIELD_NAMES = {"duration": "seconds", "negative": "without", "crf": "quality"}
"""Names of fields on the screen that differ from their ids."""
NUMBER_FIELDS = ("duration", "size", "steps", "seed")
MAX_TITLE_CHARACTERS = 200
MAX_SEED = 9_007_199_254_740_991
MAX_VARIANTS = 8
"""The most jobs that one request makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierChoices:
    """What a job named that the form has no fields for. A job that is made again names it too."""

    loras: tuple[VideoLora, ...] = ()
    profile: str | None = None
    upscaler: str | None = None
    fps: int | None = None
    interpolate_fps: int | None = None
    guidance: float | None = None

    @property
    def words(self) -> str:
        """All of it, for people; empty for nothing."""
        named = [f"LoRA {lora.name} {lora.weight:g}" for lora in self.loras]
        named += [f"profile {self.profile}"] if self.profile else []
        named += [f"upscaler {self.upscaler}"] if self.upscaler else []
        named += [f"drawn at {self.fps}/s"] if self.fps else []
        named += [f"interpolated to {self.interpolate_fps}/s"] if self.interpolate_fps else []
        named += [f"guidance {self.guidance:g}"] if self.guidance is not None else []
        return ", ".join(named)


def earlier_choices(job: JobInfo, model: ModelInfo) -> EarlierChoices:
    """Return what a job named that the form has no fields for. What its model does anyway is left out."""
    usual = model.defaults
    return EarlierChoices(
        loras=tuple(VideoLora(name=lora.name, weight=lora.weight) for lora in job.loras),
        profile=job.profile if job.profile not in ("", "exact") else None,
        upscaler=job.upscaler,
        fps=job.fps if job.fps != usual.fps else None,
        interpolate_fps=job.interpolate_fps,
        guidance=job.guidance if job.guidance and job.guidance != usual.guidance else None,
    )


@dataclass(frozen=True, slots=True)
class Draft:
    """The contents of the form, as typed."""

    prompt: str = ""
    negative_prompt: str = ""
    shots: Shots = Shots.ONE
    priority: str = ""
    style: str = ""
    duration: str = ""
    size: str = ""
    steps: str = ""
    seed: str = ""
    codec: str = ""
    crf: str = ""
    title: str = ""
    variants: str = ""
    chained: bool = False
    earlier: EarlierChoices = EarlierChoices()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDraft:
    """A draft checked against a model. `errors` has a text for each invalid field; the rest is valid if it is empty."""

    request: VideoRequest
    shots: Shots
    frames: int
    fps: int
    steps: int
    width: int
    height: int
    window_frames: int = 0
    """The longest part that a scene is cut into; 0 for a video that is not chained."""
    variants: int = 1
    """Jobs that it makes, which differ in their seeds."""
    earlier: EarlierChoices = EarlierChoices()
    errors: dict[str, str] = field(default_factory=dict)


def check_draft(draft: Draft, model: ModelInfo) -> CheckedDraft:
    """Check a draft. Empty fields have the model's defaults."""
    errors: dict[str, str] = {}
    defaults, earlier = model.defaults, draft.earlier
    fps = earlier.fps or defaults.fps
    if not draft.prompt.strip():
        errors["prompt"] = "is empty; say what the video shall show"
    elif len(draft.prompt) > MAX_PROMPT_CHARACTERS:
        errors["prompt"] = f"has {len(draft.prompt):,} characters; {MAX_PROMPT_CHARACTERS:,} at most"
    window_frames = model.window_frames if draft.chained else 0
    longest = max(model.max_frames, MAX_SCENES * window_frames) / fps
    marked = marked_shots(draft.prompt, MAX_SCENES) if draft.shots is Shots.AUTO else None
    marked_seconds = marked.seconds if marked is not None and not draft.duration else None
    if marked_seconds is not None and marked_seconds > longest:
        errors["prompt"] = (
            f"marks shots of {marked_seconds:g} s together; {longest:g} at most, or give seconds"
        )
    parse = partial(_parse_number, draft, errors)
    duration = parse("duration", default=defaults.duration, minimum=1 / fps, maximum=longest)
    steps = int(parse("steps", default=defaults.steps, minimum=1, maximum=model.max_steps, whole=True))
    variants = int(parse("variants", default=1, minimum=1, maximum=MAX_VARIANTS, whole=True))
    seed = int(parse("seed", default=0, minimum=0, maximum=MAX_SEED + 1 - variants, whole=True))
    largest_crf = _codec(draft.codec, model).crf_range.largest
    crf = int(parse("crf", default=0, minimum=1, maximum=largest_crf, whole=True))
    if len(draft.title) > MAX_TITLE_CHARACTERS:
        errors["title"] = f"has {len(draft.title)} characters; {MAX_TITLE_CHARACTERS} at most"
    width, height = _parse_size(draft.size, model, errors)
    has_duration = bool(draft.duration)
    seconds = duration if has_duration else marked_seconds
    request = VideoRequest(
        prompt=draft.prompt.strip(),
        shots=draft.shots.value if draft.shots is not Shots.ONE else None,
        negative_prompt=draft.negative_prompt or None,
        priority=draft.priority or None,
        style=draft.style or None,
        model=model.name,
        size=draft.size.lower() or None,
        duration=float(duration) if has_duration else None,
        steps=steps if draft.steps else None,
        seed=seed if draft.seed else None,
        codec=draft.codec or None,
        crf=crf or None,
        title=draft.title or None,
        variants=variants if variants > 1 else None,
        chained=draft.chained or None,
        loras=earlier.loras or None,
        profile=earlier.profile,
        upscaler=earlier.upscaler,
        fps=earlier.fps,
        interpolate_fps=earlier.interpolate_fps,
        guidance=earlier.guidance,
    )
    return CheckedDraft(
        request=request,
        shots=draft.shots,
        frames=defaults.frames if seconds is None else max(1, round(seconds * fps)),
        fps=fps,
        steps=steps,
        width=width,
        height=height,
        window_frames=window_frames,
        variants=variants,
        earlier=earlier,
        errors=errors,
    )


def usual_crf(codec: str, model: ModelInfo) -> int:
    """Return the rate factor of a video of this codec, or of the model's if it is empty, if none is given."""
    defaults = model.defaults
    if defaults.crf and codec in {"", defaults.codec}:
        return defaults.crf
    return _codec(codec, model).crf_range.usual


def _codec(codec: str, model: ModelInfo) -> VideoCodec:
    """Return a codec, that of the model if it is empty. One that this version does not know counts as H.264."""
    chosen = codec or model.defaults.codec
    return VideoCodec(chosen) if chosen in set(VideoCodec) else VideoCodec.H264


def _parse_number(
    draft: Draft,
    errors: dict[str, str],
    name: str,
    *,
    default: float,
    minimum: float,
    maximum: float,
    whole: bool = False,
) -> float:
    """Return a number of the draft. If it is empty or invalid, return `default`; an invalid one adds an error."""
    text = getattr(draft, name)
    if not text:
        return default
    try:
        value = float(int(text)) if whole else float(text)
    except ValueError:
        errors[name] = "must be a whole number" if whole else "must be a number"
        return default
    if not minimum <= value <= maximum:
        errors[name] = f"must be {minimum:.3g} to {maximum:,.10g}"
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


@lru_cache(16)
def _vocabulary(words: tuple[str, ...]) -> PromptVocabulary:
    return PromptVocabulary(words)


def unknown_words(scenes: Sequence[PlannedScene], model: ModelInfo) -> VocabularyMatch:
    """Return the words of all scenes that the model does not know; none for a model that takes any words."""
    if not model.vocabulary:
        return VocabularyMatch()
    vocabulary = _vocabulary(model.vocabulary)
    return vocabulary.rewrite(" ".join(scene.prompt for scene in scenes))[1]


def planned_scenes(checked: CheckedDraft) -> tuple[PlannedScene, ...]:
    """Return the scenes that the service will plan, by the same rules. Empty if prompt or duration is invalid."""
    if "prompt" in checked.errors or "duration" in checked.errors:
        return ()
    scenes = plan_storyboard(
        checked.request.prompt,
        shots=checked.shots,
        frames=checked.frames,
        fps=checked.fps,
        seed=checked.request.seed or 0,
    )
    return cut_into_windows(scenes, checked.window_frames, checked.fps) if checked.window_frames else scenes


def unused_marks(checked: CheckedDraft) -> int:
    """Return the number of shots that the prompt marks, if it is drawn as one; 0 if it marks none."""
    if checked.shots is Shots.AUTO:
        return 0
    found = len(marked_shots(checked.request.prompt, MAX_SCENES).shots)
    return found if found > 1 else 0


def shots_of(job: JobInfo) -> Shots:
    """Return how the prompt of a job is cut into as many scenes as it has: `ONE` if `AUTO` would not do it.

    Scenes of a chained job may be parts of longer ones.
    """
    if job.scenes < 2 or not (job.prompt or "").strip():
        return Shots.ONE
    cut = plan_storyboard(job.prompt or "", shots=Shots.AUTO, frames=job.frames, fps=job.fps, seed=job.seed)
    is_cut = len(cut) == job.scenes or (job.chained and 1 < len(cut) < job.scenes)
    return Shots.AUTO if is_cut else Shots.ONE


def draft_size(checked: CheckedDraft) -> RenderSize:
    """Return the size that the time of a draft is estimated from."""
    return RenderSize(checked.width * checked.height, checked.frames, checked.steps)
