"""Percent and time to completion of an attempt. Pure: seconds are passed in.

An attempt is a list of parts, each with an amount of work. The seconds per unit of work are learned for each model and
stage from the jobs of this worker. Until then each stage has a typical share of the whole, and there is no estimate of
time before the attempt has shown its own pace.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from kinolog.job.values import Stage

LEARNING_RATE = 0.3
"""Weight of the newest measurement against those before."""

STEPS_TO_SHOW_PACE = 2
"""Denoising steps after which an attempt's own pace is known."""

TYPICAL_SHARES: dict[Stage, float] = {
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
    """One stage of one scene, or of the whole job. `units` is its amount of work, in the stage's own unit."""

    stage: Stage
    scene: int | None
    units: float


def attempt_parts(
    scene_frames: Sequence[int], *, finished_scenes: Collection[int], pixels: int, steps: int
) -> list[EstimatedPart]:
    """Return the parts of an attempt.

    `pixels` is the size of a frame; scenes whose index is in `finished_scenes` need no rendering. Work is counted in
    millions of pixels.
    """
    megapixels = [frames * pixels / 1e6 for frames in scene_frames]
    parts = [EstimatedPart(Stage.PREFETCH, None, 1.0)]
    for scene, size in enumerate(megapixels):
        if scene not in finished_scenes:
            parts += [
                EstimatedPart(Stage.ENCODE_PROMPT, scene, 1.0),
                EstimatedPart(Stage.DENOISE, scene, size * steps),
                EstimatedPart(Stage.DECODE, scene, size),
            ]
    whole = sum(megapixels)
    parts += [EstimatedPart(stage, None, whole) for stage in (Stage.ASSEMBLE, Stage.SIGN, Stage.STORE)]
    return parts


class StageRates:
    """Seconds per unit of work, by model and stage. Held in memory only: a worker learns again after a start."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, Stage], float] = {}

    def learn(self, model: str, part: EstimatedPart, seconds: float) -> None:
        """Include the measured time of a part."""
        if part.units <= 0:
            return
        measured = seconds / part.units
        known = self._seconds.get((model, part.stage), measured)
        self._seconds[model, part.stage] = known + LEARNING_RATE * (measured - known)

    def expected(self, model: str, part: EstimatedPart) -> float | None:
        """Return the expected seconds of a part. Return None if no such part was measured."""
        known = self._seconds.get((model, part.stage))
        return None if known is None else known * part.units


@dataclass(slots=True)
class _PartProgress:
    """Progress of one part: `done` from 0 to 1."""

    part: EstimatedPart
    weight: float
    done: float = 0.0


@dataclass(slots=True)
class _Pace:
    """Denoising of this attempt so far: weight of the work done, and the seconds it took."""

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
    """The progress of one attempt. Percent never decreases, and reaches 100 only when the job is completed."""

    model: str
    parts: Sequence[EstimatedPart]
    rates: StageRates
    _progress: dict[tuple[Stage, int | None], _PartProgress] = field(init=False)
    _learned: bool = field(init=False)
    _pace: _Pace = field(init=False, default_factory=_Pace)
    _percent: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        expected = [self.rates.expected(self.model, part) for part in self.parts]
        self._learned = all(seconds is not None for seconds in expected)
        weights = [seconds or 0.0 for seconds in expected] if self._learned else _typical_weights(self.parts)
        self._progress = {
            (part.stage, part.scene): _PartProgress(part, weight)
            for part, weight in zip(self.parts, weights, strict=True)
        }

    def step(self, stage: Stage, scene: int | None, *, step: int, steps: int, stage_seconds: float) -> None:
        """Record that `step` of `steps` of a part are done, `stage_seconds` after the part started."""
        progress = self._progress.get((stage, scene))
        if progress is None or steps < 1:
            return
        progress.done = max(progress.done, min(1.0, step / steps))
        if stage is Stage.DENOISE and step >= STEPS_TO_SHOW_PACE:
            self._pace.running_weight = progress.weight * progress.done
            self._pace.running_seconds = stage_seconds

    def finish(self, stage: Stage, scene: int | None, seconds: float) -> None:
        """Record that a part is done, after `seconds`."""
        progress = self._progress.get((stage, scene))
        if progress is None:
            return
        progress.done = 1.0
        self.rates.learn(self.model, progress.part, seconds)
        if stage is Stage.DENOISE:
            self._pace.weight += progress.weight
            self._pace.seconds += seconds
            self._pace.running_weight = self._pace.running_seconds = 0.0

    @property
    def percent(self) -> float:
        """Part of the whole attempt that is done, 0 to 99.9."""
        total = sum(progress.weight for progress in self._progress.values())
        done = sum(progress.weight * progress.done for progress in self._progress.values())
        self._percent = max(self._percent, min(99.9, 100.0 * done / total if total > 0 else 0.0))
        return self._percent

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the attempt is complete. None while nothing is known about its pace."""
        pace = self._pace.seconds_per_weight
        if pace is None and not self._learned:
            return None
        total = 0.0
        for progress in self._progress.values():
            by_pace = pace is not None and (progress.part.stage is Stage.DENOISE or not self._learned)
            seconds_per_weight = pace if by_pace and pace is not None else 1.0
            total += progress.weight * (1.0 - progress.done) * seconds_per_weight
        return total


def _typical_weights(parts: Sequence[EstimatedPart]) -> list[float]:
    """Return a weight for each part: its stage's typical share, divided among the stage's parts by their work."""
    units: dict[Stage, float] = {}
    for part in parts:
        units[part.stage] = units.get(part.stage, 0.0) + part.units
    return [
        TYPICAL_SHARES[part.stage] * part.units / units[part.stage] if units[part.stage] else 0.0
        for part in parts
    ]
