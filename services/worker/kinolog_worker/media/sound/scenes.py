"""The sound of scenes, one after the other, as long as their frames.

A fade of the picture is one of the sound. At a dissolve the new sound rises with the new picture. Where two scenes meet
otherwise, both are faded for a few milliseconds, so that the seam is not heard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kinolog.storyboard.shots import Transition
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.sound.samples import Samples, fitted
from kinolog_worker.media.sound.sound_format import SoundFormat
from kinolog_worker.media.sound.track import decoded_sound, sound_format_of

_SEAM_SECONDS = 0.005


def sound_format_of_scenes(scenes: Sequence[SceneClip]) -> SoundFormat | None:
    """Return the format of the first scene that has sound; None if none has. Raises FFmpegError."""
    return next((found for scene in scenes if (found := sound_format_of(scene.path))), None)


def joined_sound(scenes: Sequence[SceneClip], fps: int, sound_format: SoundFormat) -> Iterator[Samples]:
    """Yield the sound of each scene, silence for one that has none. Raises FFmpegError."""
    frame = 0
    for number, scene in enumerate(scenes):
        start = sound_format.samples_before(frame, fps)
        frame += scene.frames
        samples = fitted(
            decoded_sound(scene.path, sound_format), sound_format.samples_before(frame, fps) - start
        )
        following = scenes[number + 1].transition if number + 1 < len(scenes) else None
        span = sound_format.samples_before(scene.transition_frames(fps), fps)
        seam = round(_SEAM_SECONDS * sound_format.rate)
        rise = seam if scene.transition is Transition.CUT else span
        fall = span if following is Transition.FADE else seam
        is_first_cut = number == 0 and scene.transition is Transition.CUT
        yield samples * _gains(
            samples.shape[1], 0 if is_first_cut else rise, 0 if following is None else fall
        )


def _gains(length: int, rise: int, fall: int) -> Samples:
    """Return a gain for each sample: from 0 to 1 over the first `rise`, and back over the last `fall` ones."""
    gains = np.ones(length, np.float32)
    for ramp, side in ((rise, gains), (fall, gains[::-1])):
        ramp = min(ramp, length)
        side[:ramp] *= np.arange(ramp, dtype=np.float32) / max(1, ramp)
    return gains
