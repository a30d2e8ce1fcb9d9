"""The format of sound. Without numpy, which the process of a worker takes long to import and needs for nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """Samples per second, and the number of channels: one or two. Raises ValueError for others."""

    rate: int
    channels: int

    def __post_init__(self) -> None:
        if self.rate < 1 or self.channels not in {1, 2}:
            raise ValueError(f"no video has sound of {self.channels} channels at {self.rate} Hz")

    @property
    def layout(self) -> str:
        """Name of the channels in FFmpeg."""
        return "mono" if self.channels == 1 else "stereo"

    def samples_before(self, frame: int, fps: int) -> int:
        """Return the number of samples before a frame, rounded to the nearest."""
        return (2 * frame * self.rate + fps) // (2 * fps)
