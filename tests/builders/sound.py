"""Sound that clicks, and where a file clicks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from kinolog_worker.media.sound.samples import Samples, silence
from kinolog_worker.media.sound.sound_format import SoundFormat
from kinolog_worker.media.sound.track import decoded_sound, sound_format_of


def clicking(sound_format: SoundFormat, samples: int, *clicks: int) -> Samples:
    """Return so many samples that click for a millisecond at each of these samples."""
    found = silence(sound_format, samples)
    for click in clicks:
        found[:, click : click + sound_format.rate // 1000] = 0.9
    return found


def clicks_in(path: Path) -> list[float]:
    """Return the seconds at which a file clicks."""
    sound_format = sound_format_of(path)
    if sound_format is None:
        return []
    loud = np.flatnonzero(np.abs(decoded_sound(path, sound_format)).max(axis=0) > 0.3)
    gaps = np.diff(loud, prepend=-sound_format.rate) > sound_format.rate // 100
    return [float(sample / sound_format.rate) for sample in loud[gaps]]
