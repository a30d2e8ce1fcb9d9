"""The sound of a rendered scene, into the scene's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from kinolog_worker.media.sound.samples import Sound, fitted
from kinolog_worker.media.sound.sound_format import SoundFormat
from kinolog_worker.media.sound.track import add_sound
from kinolog_worker.renderers.renderer import Renderer, RenderFailed, SoundMaker


def scene_sound(renderer: Renderer) -> Sound | None:
    """Return the sound of the scene that a renderer drew last, once; None if it has none."""
    return renderer.take_sound() if isinstance(renderer, SoundMaker) else None


def add_scene_sound(
    path: Path, sound: Sound | None, frames: int, fps: int, check: Callable[[], None]
) -> None:
    """Give a scene's file the sound that the renderer made, exactly as long as its frames.

    `check` may raise to stop. Raises RenderFailed for sound that no file can have, and EncodingFailed.
    """
    if sound is None:
        return
    try:
        sound_format = SoundFormat(sound.rate, len(sound.samples))
    except ValueError as error:
        raise _wrong(f"the renderer made sound that cannot be stored: {error}") from None
    if not np.isfinite(sound.samples).all():
        raise _wrong("the numbers of the scene's sound are none: the model computed no sound")
    samples = fitted(np.clip(sound.samples, -1, 1), sound_format.samples_before(frames, fps))
    add_sound(path, sound_format, [samples], check)


def _wrong(message: str) -> RenderFailed:
    return RenderFailed("SOUND_WRONG", message, retryable=False)
