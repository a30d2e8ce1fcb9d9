"""Fraction and time to completion of a run. Pure: the caller measures time."""

from __future__ import annotations

from dataclasses import dataclass, field

_DENOISE_SHARE = 0.9
"""Share of a scene's time that denoising takes, until a scene has been measured."""


@dataclass(slots=True)
class ProgressMeter:
    """Counts frames of scenes to render. Steps of the running scene count as a part of its frames."""

    scene_frames: tuple[int, ...]
    finished_frames: int = 0
    _skipped_frames: int = 0
    _denoise_share: float = _DENOISE_SHARE
    _rendering_seconds: float = field(default=0.0)

    def reuse_scene(self, index: int) -> None:
        """Count a scene that needs no rendering."""
        self.finished_frames += self.scene_frames[index]
        self._skipped_frames += self.scene_frames[index]

    def finish_scene(self, index: int, denoise_seconds: float, decode_seconds: float) -> None:
        """Count a scene that was rendered in that time."""
        self.finished_frames += self.scene_frames[index]
        self._rendering_seconds += denoise_seconds + decode_seconds
        if denoise_seconds + decode_seconds > 0:
            self._denoise_share = denoise_seconds / (denoise_seconds + decode_seconds)

    def fraction(self, index: int, stage: str, step: int, steps: int) -> float:
        """Return the part of the whole that is done, 0 to 1, after `step` of `steps` of a stage of scene `index`."""
        of_stage = step / max(1, steps)
        if stage == "denoise":
            of_scene = self._denoise_share * of_stage
        else:
            of_scene = self._denoise_share + (1 - self._denoise_share) * of_stage
        done = self.finished_frames + self.scene_frames[index] * of_scene
        return min(1.0, done / sum(self.scene_frames))

    def eta_seconds(self, fraction: float, scene_seconds: float) -> float | None:
        """Return the seconds until everything is rendered, or None before the first step.

        `scene_seconds` is the time that the running scene has taken so far.
        """
        skipped = self._skipped_frames / sum(self.scene_frames)
        if fraction <= skipped:
            return None
        return (self._rendering_seconds + scene_seconds) * (1 - fraction) / (fraction - skipped)
