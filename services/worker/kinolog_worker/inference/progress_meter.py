"""How far a run is, and how long it will take. Pure: the caller brings the clock."""

from __future__ import annotations

from dataclasses import dataclass, field

_DENOISE_SHARE = 0.9
"""Part of a scene's time that denoising takes, until a scene has shown it."""


@dataclass(slots=True)
class ProgressMeter:
    """Counts frames of scenes to render; steps of the running scene count as part of its frames."""

    scene_frames: tuple[int, ...]
    finished_frames: int = 0
    _skipped_frames: int = 0
    _denoise_share: float = _DENOISE_SHARE
    _rendering_seconds: float = field(default=0.0)

    def scene_reused(self, index: int) -> None:
        """A scene needs no rendering."""
        self.finished_frames += self.scene_frames[index]
        self._skipped_frames += self.scene_frames[index]

    def scene_finished(self, index: int, denoise_seconds: float, decode_seconds: float) -> None:
        """A scene was rendered in that time."""
        self.finished_frames += self.scene_frames[index]
        self._rendering_seconds += denoise_seconds + decode_seconds
        if denoise_seconds + decode_seconds > 0:
            self._denoise_share = denoise_seconds / (denoise_seconds + decode_seconds)

    def fraction(self, index: int, stage: str, step: int, steps: int) -> float:
        """Part of the whole that is done, 0 to 1, after `step` of `steps` of a stage of scene `index`."""
        part = step / max(1, steps)
        if stage == "denoise":
            within = self._denoise_share * part
        else:
            within = self._denoise_share + (1 - self._denoise_share) * part
        return min(1.0, (self.finished_frames + self.scene_frames[index] * within) / sum(self.scene_frames))

    def eta_seconds(self, fraction: float, scene_seconds: float) -> float | None:
        """Seconds until everything is rendered; `scene_seconds` is what the running scene has taken so far."""
        skipped = self._skipped_frames / sum(self.scene_frames)
        if fraction <= skipped:
            return None
        return (self._rendering_seconds + scene_seconds) * (1 - fraction) / (fraction - skipped)
