"""Sound as numbers, as long as the frames that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kinolog_worker.media.sound.sound_format import SoundFormat

Samples: TypeAlias = npt.NDArray[np.float32]
"""Numbers from -1 to 1, shape (channels, samples)."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of a scene, shape (channels, samples), and its samples per second."""

    samples: Samples
    rate: int


def fitted(samples: Samples, length: int) -> Samples:
    """Return exactly `length` samples: without those after it, or with silence at the end."""
    missing = length - samples.shape[1]
    return np.pad(samples, ((0, 0), (0, missing))) if missing > 0 else samples[:, :length]


def silence(sound_format: SoundFormat, samples: int) -> Samples:
    """Return so many samples of silence."""
    return np.zeros((sound_format.channels, samples), np.float32)
