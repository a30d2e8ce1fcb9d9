"""How far an attempt is, and how long it will take. Pure: seconds are handed in.

An attempt is a row of parts, each with an amount of work. How many seconds a unit of work takes is learned for each
model and stage from the jobs of this worker; until then, stages count by rule of thumb, and there is no estimate of
time before the attempt has shown its own pace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kinolog.job.values import Stage

LEARNING_RATE = 0.3
"""Weight of the newest measurement against those before."""

STEPS_TO_SHOW_PACE = 2

RULE_OF_THUMB: dict[Stage, float] = {
    Stage.STORYBOARD: 0.0,
    Stage.PREFETCH: 0.04,
    Stage.ENCODE_PROMPT: 0.01,
    Stage.DENOISE: 0.80,
    Stage.DECODE: 0.11,
    Stage.ASSEMBLE: 0.03,
    Stage.SIGN: 0.005,
    Stage.STORE: 0.005,
}
"""Share of the whole that a stage usually takes, all scenes together."""


@dataclass(frozen=True, slots=True)
class EstimatedPart:
    """One stage of one scene, or of the whole job. `units` is its amount of work, in whatever the stage counts."""

    stage: Stage
    scene: int | None
    units: float


def parts_of(
    scene_frames: Sequence[int], reused: Iterable[int], pixels: int, steps: int
) -> list[EstimatedPart]:
    """The parts of an attempt; scenes in `reused` need no rendering. Work counts in millions of pixels."""
    skipped = set(reused)
    size = [frames * pixels / 1e6 for frames in scene_frames]
    parts = [EstimatedPart(Stage.PREFETCH, None, 1.0)]
    for scene, megapixels in enumerate(size):
        if scene not in skipped:
            parts += [
                EstimatedPart(Stage.ENCODE_PROMPT, scene, 1.0),
                EstimatedPart(Stage.DENOISE, scene, megapixels * steps),
                EstimatedPart(Stage.DECODE, scene, megapixels),
            ]
    whole = sum(size)
    return [
        *parts,
        *(EstimatedPart(stage, None, whole) for stage in (Stage.ASSEMBLE, Stage.SIGN, Stage.STORE)),
    ]


class StageRates:
    """Seconds per unit of work, by model and stage. Kept in memory: a worker learns anew when it starts."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, Stage], float] = {}

    def learn(self, model: str, part: EstimatedPart, seconds: float) -> None:
        """Take in that a part took this long."""
        if part.units <= 0:
            return
        measured = seconds / part.units
        known = self._seconds.get((model, part.stage), measured)
        self._seconds[model, part.stage] = known + LEARNING_RATE * (measured - known)

    def expected(self, model: str, part: EstimatedPart) -> float | None:
        """Seconds that a part will take; None when no such part was ever measured."""
        known = self._seconds.get((model, part.stage))
        return None if known is None else known * part.units


@dataclass(slots=True)
class _PartProgress:
    """How far one part is: `done` from 0 to 1."""

    part: EstimatedPart
    weight: float
    done: float = 0.0


@dataclass(slots=True)
class _Pace:
    """Denoising of this attempt so far: work done, and seconds that it took."""

    weight: float = 0.0
    seconds: float = 0.0
    running_weight: float = 0.0
    running_seconds: float = 0.0

    @property
    def seconds_per_weight(self) -> float | None:
        weight = self.weight + self.running_weight
        return (self.seconds + self.running_seconds) / weight if weight > 0 else None


@dataclass(slots=True)
class Estimate:
    """The course of one attempt. Percent never goes back, and reaches 100 only when the job is completed."""

    model: str
    parts: Sequence[EstimatedPart]
    times: StageRates
    _courses: dict[tuple[Stage, int | None], _PartProgress] = field(init=False)
    _learned: bool = field(init=False)
    _pace: _Pace = field(init=False, default_factory=_Pace)
    _percent: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        expected = [self.times.expected(self.model, part) for part in self.parts]
        self._learned = all(seconds is not None for seconds in expected)
        weights = [seconds or 0.0 for seconds in expected] if self._learned else _shares(self.parts)
        self._courses = {
            (part.stage, part.scene): _PartProgress(part, weight)
            for part, weight in zip(self.parts, weights, strict=True)
        }

    def step(self, stage: Stage, scene: int | None, step: int, steps: int, stage_seconds: float) -> None:
        """`step` of `steps` of a part are done, `stage_seconds` after it began."""
        course = self._courses.get((stage, scene))
        if course is None or steps < 1:
            return
        course.done = max(course.done, min(1.0, step / steps))
        if stage is Stage.DENOISE and step >= STEPS_TO_SHOW_PACE:
            self._pace.running_weight = course.weight * course.done
            self._pace.running_seconds = stage_seconds

    def finished(self, stage: Stage, scene: int | None, seconds: float) -> None:
        """A part is done, after that many seconds."""
        course = self._courses.get((stage, scene))
        if course is None:
            return
        course.done = 1.0
        self.times.learn(self.model, course.part, seconds)
        if stage is Stage.DENOISE:
            self._pace.weight += course.weight
            self._pace.seconds += seconds
            self._pace.running_weight = self._pace.running_seconds = 0.0

    @property
    def percent(self) -> float:
        """Part of the whole attempt that is done, 0 to 99.9."""
        total = sum(course.weight for course in self._courses.values())
        done = sum(course.weight * course.done for course in self._courses.values())
        self._percent = max(self._percent, min(99.9, 100.0 * done / total if total > 0 else 0.0))
        return self._percent

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the attempt is complete; None as long as nothing is known about it."""
        pace = self._pace.seconds_per_weight
        if pace is None and not self._learned:
            return None
        total = 0.0
        for course in self._courses.values():
            by_pace = pace is not None and (course.part.stage is Stage.DENOISE or not self._learned)
            seconds_per_weight = pace if by_pace and pace is not None else 1.0
            total += course.weight * (1.0 - course.done) * seconds_per_weight
        return total


def _shares(parts: Sequence[EstimatedPart]) -> list[float]:
    """Weights by rule of thumb: each stage's share, spread over its parts by their work."""
    units: dict[Stage, float] = {}
    for part in parts:
        units[part.stage] = units.get(part.stage, 0.0) + part.units
    return [
        RULE_OF_THUMB[part.stage] * part.units / units[part.stage] if units[part.stage] else 0.0
        for part in parts
    ]
