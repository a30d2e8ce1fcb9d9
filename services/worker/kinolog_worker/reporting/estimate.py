"""Percent and time to completion of an attempt. Pure: seconds are passed in.

An attempt is a list of parts, each with an amount of work. The time left is that of the denoising steps left, at the
pace that this attempt has shown, and of the other parts, as measured in jobs of about this size. There is no estimate
before two steps are done and half a second has passed: the pace is not known yet. After that the pace of earlier jobs
of about this size still counts as much as a tenth of the steps, since the first steps of a stage say as much about the
machine's other work. A stage that this worker has not measured at about this size has its typical share of the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from kinolog.job.values import Stage
from kinolog.ports.workers import FINISHING_STAGES
from kinolog_worker.reporting.stage_rates import EstimatedPart, StageRates

STEPS_TO_SHOW_PACE = 2
"""Denoising steps after which an attempt's own pace is known."""

OVERRUN_SHARE = 0.1
"""A stage that runs longer than expected has this share of its time left."""

PACE_SECONDS = 0.5
"""Steps show their pace after this time: a single fast one says more about the machine's other work."""

HISTORY_SHARE = 0.1
"""The pace of earlier jobs counts as much as this share of a stage's steps, beside those that are done."""

TYPICAL_SHARES: dict[Stage, float] = {
    Stage.STORYBOARD: 0.0,
    Stage.PREFETCH: 0.04,
    Stage.ENCODE_PROMPT: 0.01,
    Stage.DENOISE: 0.80,
    Stage.DECODE: 0.11,
    Stage.POSTPROCESS: 0.4,
    Stage.ASSEMBLE: 0.03,
    Stage.SIGN: 0.005,
    Stage.STORE: 0.005,
}
"""Share of the whole that a stage usually takes, all scenes together."""


TYPICAL_SECONDS_PER_MEGAPIXEL: dict[Stage, float] = {Stage.DECODE: 0.04, Stage.ASSEMBLE: 0.01}
"""What these stages take at least on an ordinary processor, which encodes the video, whatever the model."""


def attempt_parts(
    scene_frames: Sequence[int],
    *,
    finished_scenes: Collection[int],
    pixels: int,
    steps: int,
    native_pixels: int = 0,
    native_frames: int = 0,
    redrawn_frames: Sequence[int] = (),
    finished_pixels: int = 0,
) -> list[EstimatedPart]:
    """Return the parts of an attempt.

    `pixels` is the size of a frame; scenes whose index is in `finished_scenes` need no rendering. A model with a native
    size denoises at most so many pixels and frames, whatever the requested size; 0 for a model that takes any. A scene
    that goes on from another one draws `redrawn_frames` of it again. If frames are changed after that, each
    becomes `finished_pixels` of the video; 0 if none are. Work is counted in millions of pixels.
    """
    again = [*redrawn_frames, *[0] * (len(scene_frames) - len(redrawn_frames))]
    megapixels = [frames * pixels / 1e6 for frames in scene_frames]
    drawn_pixels = min(pixels, native_pixels or pixels)
    parts = [EstimatedPart(Stage.PREFETCH, None, 1.0)]
    for scene, (frames, size) in enumerate(zip(scene_frames, megapixels, strict=True)):
        if scene not in finished_scenes:
            drawn = (min(frames, native_frames or frames) + again[scene]) * drawn_pixels / 1e6
            parts += [
                EstimatedPart(Stage.ENCODE_PROMPT, scene, 1.0),
                EstimatedPart(Stage.DENOISE, scene, drawn * steps),
                EstimatedPart(Stage.DECODE, scene, size),
            ]
    whole = sum(megapixels)
    if finished_pixels:
        finished = [frames * finished_pixels / 1e6 for frames in scene_frames]
        parts += [EstimatedPart(Stage.POSTPROCESS, scene, size) for scene, size in enumerate(finished)]
        whole = sum(finished)
    parts += [EstimatedPart(stage, None, whole) for stage in (Stage.ASSEMBLE, Stage.SIGN, Stage.STORE)]
    return parts


@dataclass(slots=True)
class _PartProgress:
    """Progress of one part. `share` is its typical share of the whole, `weight` its weight in the percentage."""

    part: EstimatedPart
    share: float
    weight: float
    done: float = 0.0
    """0 to 1."""
    finished: bool = False
    step: int = 0
    steps: int = 0
    skipped: int = 0
    """Denoising steps of a checkpoint, which an earlier attempt drew."""
    first_step_seconds: float = 0.0
    last_step_seconds: float = 0.0
    running_seconds: float = 0.0
    """How long it runs already, if it has no steps."""

    @property
    def seconds_per_step(self) -> float | None:
        """Seconds of a step after the first, which may include a warm-up. None before they show a pace."""
        drawn = self.step - self.skipped
        if drawn < STEPS_TO_SHOW_PACE or self.last_step_seconds - self.first_step_seconds < PACE_SECONDS:
            return None
        if not self.first_step_seconds:
            return self.last_step_seconds / self.step
        since = self.step - max(1, self.skipped)
        return max(0.0, self.last_step_seconds - self.first_step_seconds) / since


@dataclass(slots=True)
class _Pace:
    """Denoising of the finished scenes of this attempt: work, seconds and steps."""

    units: float = 0.0
    seconds: float = 0.0
    steps: int = 0


@dataclass(slots=True)
class Estimate:
    """The progress of one attempt. Percent never decreases, and reaches 100 only when the job is completed."""

    model: str
    parts: Sequence[EstimatedPart]
    rates: StageRates
    _progress: dict[tuple[Stage, int | None], _PartProgress] = field(init=False)
    _pace: _Pace = field(init=False, default_factory=_Pace)
    _percent: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        expected = [self.rates.expected(self.model, part) for part in self.parts]
        shares = _typical_weights(self.parts)
        learned = all(seconds is not None for seconds in expected)
        weights = [seconds or 0.0 for seconds in expected] if learned else shares
        self._progress = {
            (part.stage, part.scene): _PartProgress(part, share, weight)
            for part, share, weight in zip(self.parts, shares, weights, strict=True)
        }

    def step(self, stage: Stage, scene: int | None, *, step: int, steps: int, stage_seconds: float) -> None:
        """Record that `step` of `steps` of a part are done, `stage_seconds` after the part started."""
        progress = self._progress.get((stage, scene))
        if progress is None or steps < 1:
            return
        progress.done = max(progress.done, min(1.0, step / steps))
        progress.step, progress.steps = step, steps
        if stage is Stage.DENOISE and not progress.last_step_seconds and step > 1:
            progress.skipped, progress.first_step_seconds = step, stage_seconds
        elif step == 1:
            progress.first_step_seconds = stage_seconds
        progress.last_step_seconds = stage_seconds

    def run(self, stage: Stage, scene: int | None, stage_seconds: float) -> None:
        """Record that a part runs, `stage_seconds` after it started. Stages without steps show no other progress."""
        progress = self._progress.get((stage, scene))
        if progress is not None:
            progress.running_seconds = stage_seconds

    def finish(self, stage: Stage, scene: int | None, seconds: float) -> None:
        """Record that a part is done, after `seconds`."""
        progress = self._progress.get((stage, scene))
        if progress is None:
            return
        progress.done, progress.finished = 1.0, True
        is_whole, drawn = not progress.skipped, progress.step - progress.skipped
        if is_whole:
            self.rates.learn(self.model, progress.part, seconds)
        if stage is Stage.DENOISE and (is_whole or drawn):
            self._pace.units += progress.part.units * (1.0 if is_whole else drawn / progress.steps)
            self._pace.seconds += seconds
            self._pace.steps += max(1, drawn)

    @property
    def percent(self) -> float:
        """Part of the whole attempt that is done, 0 to 99.9."""
        total = sum(progress.weight for progress in self._progress.values())
        done = sum(progress.weight * progress.done for progress in self._progress.values())
        self._percent = max(self._percent, min(99.9, 100.0 * done / total if total > 0 else 0.0))
        return self._percent

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the attempt is complete. None before two denoising steps are done."""
        if (seconds_per_unit := self._denoise_seconds_per_unit()) is None:
            return None
        return self._seconds_left(seconds_per_unit, self._progress.values())

    @property
    def device_seconds(self) -> float | None:
        """Seconds until the attempt uses the device no more.

        None if nothing is known: before two denoising steps are done, unless jobs of about this size were measured.
        """
        parts = [one for one in self._progress.values() if one.part.stage not in FINISHING_STAGES]
        seconds_per_unit = self._denoise_seconds_per_unit()
        if seconds_per_unit is None:
            denoise = [one.part for one in parts if one.part.stage is Stage.DENOISE]
            expected = [self.rates.expected(self.model, part) for part in denoise]
            units = sum(part.units for part in denoise)
            if not units or None in expected:
                return None
            seconds_per_unit = sum(filter(None, expected)) / units
        return self._seconds_left(seconds_per_unit, parts)

    def _seconds_left(self, seconds_per_unit: float, parts: Iterable[_PartProgress]) -> float:
        """Return the seconds that parts still take, with so many seconds for a unit of denoising."""
        denoise = [one for one in self._progress.values() if one.part.stage is Stage.DENOISE]
        denoise_share = sum(one.share for one in denoise)
        denoise_seconds = seconds_per_unit * sum(one.part.units for one in denoise)
        seconds_per_share = denoise_seconds / denoise_share if denoise_share else 0.0
        left = 0.0
        for progress in parts:
            if progress.done >= 1.0:
                continue
            seconds_per_step = self._seconds_per_step(progress)
            if seconds_per_step is not None:
                left += seconds_per_step * max(0, progress.steps - progress.step)
            elif progress.part.stage is Stage.DENOISE:
                left += seconds_per_unit * progress.part.units * (1.0 - progress.done)
            else:
                expected = self.rates.expected(self.model, progress.part)
                whole = (
                    expected if expected is not None else self._typical_seconds(progress, seconds_per_share)
                )
                ran = progress.running_seconds
                left += max(whole * (1.0 - progress.done) - ran, OVERRUN_SHARE * ran)
        return left

    def _seconds_per_step(self, progress: _PartProgress) -> float | None:
        """Return the pace that a part has shown, and that of earlier jobs. None before it shows one."""
        shown = progress.seconds_per_step
        expected = self.rates.expected(self.model, progress.part)
        if shown is None or expected is None:
            return shown
        earlier_steps = HISTORY_SHARE * progress.steps
        return (shown * progress.step + HISTORY_SHARE * expected) / (progress.step + earlier_steps)

    def _typical_seconds(self, progress: _PartProgress, seconds_per_share: float) -> float:
        """Return the seconds of a part that this worker has not measured at about this size."""
        least = TYPICAL_SECONDS_PER_MEGAPIXEL.get(progress.part.stage, 0.0) * progress.part.units
        return max(least, seconds_per_share * progress.share)

    def _denoise_seconds_per_unit(self) -> float | None:
        """Return the pace of denoising, by the finished scenes and the running one; None before two steps are done."""
        units, seconds, steps = self._pace.units, self._pace.seconds, self._pace.steps
        for progress in self._progress.values():
            if progress.part.stage is Stage.DENOISE and not progress.finished:
                steps += progress.step
                seconds_per_step = self._seconds_per_step(progress)
                if seconds_per_step is not None:
                    units += progress.part.units * progress.done
                    seconds += seconds_per_step * progress.step
        return seconds / units if steps >= STEPS_TO_SHOW_PACE and units > 0.0 else None


def _typical_weights(parts: Sequence[EstimatedPart]) -> list[float]:
    """Return a weight for each part: its stage's typical share, divided among the stage's parts by their work."""
    units: dict[Stage, float] = {}
    for part in parts:
        units[part.stage] = units.get(part.stage, 0.0) + part.units
    return [
        TYPICAL_SHARES[part.stage] * part.units / units[part.stage] if units[part.stage] else 0.0
        for part in parts
    ]
