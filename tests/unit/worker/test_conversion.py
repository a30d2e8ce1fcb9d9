"""Frames that are decoded are as light as those that were encoded, wherever they are decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from kinolog_worker.media.assembly import ClipTarget, assemble
from kinolog_worker.media.clips import ClipSampling, read_clip
from kinolog_worker.media.encoder import ClipEncoder
from kinolog_worker.media.encoder_settings import VideoEncoding
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.thumbnails import ThumbnailCollector
from PIL import Image

from kinolog.models.codecs import VideoCodec
from kinolog.storyboard.shots import Transition
from kinolog_export.decoded_frames import decoded

WIDTH, HEIGHT, FRAMES = 96, 64, 6


@pytest.fixture(scope="module")
def picture() -> Frames:
    """A picture of many colours without edges."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH] / 60
    waves = (across + down, across - 0.8 * down + 1, 0.7 * across + 1.3 * down + 2)
    return np.stack([128 + 90 * np.sin(wave) for wave in waves], axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def clip(picture: Frames, tmp_path_factory: pytest.TempPathFactory) -> SceneClip:
    """A clip that shows the picture all the time."""
    path = tmp_path_factory.mktemp("clip") / "scene.mp4"
    encoding = VideoEncoding(VideoCodec.H264, 4)
    with ClipEncoder(path, width=WIDTH, height=HEIGHT, fps=8, encoding=encoding) as encoder:
        encoder.write(np.stack([picture] * FRAMES))
    return SceneClip(path, FRAMES, Transition.CUT)


def _read(path: Path) -> Frames:
    wanted = ClipSampling(width=WIDTH, height=HEIGHT, fps=8, frames=1, least=1, from_end=True)
    (last,) = read_clip(path, "video/mp4", wanted, lambda: None)
    return np.asarray(last)


def _brightness(shown: np.ndarray[Any, Any] | Image.Image, picture: Frames) -> float:
    """Return by how much a picture is lighter than the one that was encoded, in levels of 256."""
    return float(np.asarray(shown).mean() - picture.mean())


def test_what_starts_from_a_clip_is_as_light(clip: SceneClip, picture: Frames) -> None:
    """So a scene that goes on from another one does not get darker, however many there are."""
    assert abs(_brightness(_read(clip.path), picture)) < 0.3


def test_an_export_is_as_light(clip: SceneClip, picture: Frames) -> None:
    """A PNG, GIF or WebP has the colours of the video."""
    with clip.path.open("rb") as source, decoded(source) as video:
        assert abs(_brightness(next(video.frames).to_ndarray(), picture)) < 0.3


def test_small_copies_are_as_light(clip: SceneClip, picture: Frames) -> None:
    """Thumbnails have the colours of the video."""
    collector = ThumbnailCollector(frames=FRAMES, fps=8)
    with av.open(str(clip.path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            collector.add_frame(index, frame)
    assert collector._thumbnail is not None
    assert abs(_brightness(collector._thumbnail, picture)) < 0.3


def test_what_is_encoded_twice_is_as_light(clip: SceneClip, picture: Frames, tmp_path: Path) -> None:
    """A clip with a dissolve is encoded again as a whole."""
    scenes = [clip, SceneClip(clip.path, FRAMES, Transition.DISSOLVE)]
    encoding = VideoEncoding(VideoCodec.H264, 4)
    target = ClipTarget(tmp_path / "video.mp4", width=WIDTH, height=HEIGHT, fps=8, encoding=encoding)
    assert not assemble(scenes, target, lambda: None)
    assert abs(_brightness(_read(target.path), picture)) < 0.3
