"""Sound as numbers, as long as the frames that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.float32]
"""Numbers from -1 to 1, shape (channels, samples)."""


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

    def silence(self, samples: int) -> Samples:
        """Return so many samples of silence."""
        return np.zeros((self.channels, samples), np.float32)


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of a scene, shape (channels, samples), and its samples per second."""

    samples: Samples
    rate: int


def fitted(samples: Samples, length: int) -> Samples:
    """Return exactly `length` samples: without those after it, or with silence at the end."""
    missing = length - samples.shape[1]
    return np.pad(samples, ((0, 0), (0, missing))) if missing > 0 else samples[:, :length]
