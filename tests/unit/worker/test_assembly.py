"""Scene files into one clip."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinolog_worker.media.assembly import ClipTarget, assemble
from kinolog_worker.media.encoder import ClipEncoder, EncodingFailed
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.video_check import ExpectedMedia, VerifiedMedia, verify_video

from kinolog.storyboard.shots import Transition

GREY = (60, 120, 180, 240)


def _scene(folder: Path, index: int, frames: int, transition: Transition = Transition.CUT) -> SceneClip:
    """Write a scene of one grey, with some noise so that the encoder predicts between frames."""
    noise = np.random.default_rng(index).integers(0, 8, size=(frames, 32, 64, 3))
    path = folder / f"scene-{index}.mp4"
    with ClipEncoder(path, width=64, height=32, fps=10) as encoder:
        encoder.write((noise + GREY[index % 4]).astype(np.uint8))
    return SceneClip(path, frames, transition)


def _clip(folder: Path) -> ClipTarget:
    return ClipTarget(folder / "video.mp4", width=64, height=32, fps=10)


def _verified(clip: ClipTarget, frames: int) -> VerifiedMedia:
    return verify_video(clip.path, ExpectedMedia(width=64, height=32, fps=10, frames=frames))


def _brightness(path: Path) -> list[float]:
    """Return the mean brightness of each frame."""
    with av.open(str(path)) as container:
        return [float(np.mean(frame.to_ndarray(format="gray"))) for frame in container.decode(video=0)]


def _never_stop() -> None:
    return None


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_cut_scenes_are_joined_without_loss(tmp_path: Path, lengths: list[int]) -> None:
    """Scenes joined by cuts are not encoded again: the clip's frames are bit for bit those of the scenes."""
    parts = [_scene(tmp_path, index, frames) for index, frames in enumerate(lengths)]
    clip = _clip(tmp_path)
    assert assemble(parts, clip, _never_stop)
    _verified(clip, sum(lengths))
    assert _brightness(clip.path) == [light for part in parts for light in _brightness(part.path)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(Transition)), min_size=1, max_size=4))
def test_transitions_keep_the_length(tmp_path: Path, scenes: list[tuple[int, Transition]]) -> None:
    """With any transitions the clip has as many frames as its scenes together."""
    parts = [_scene(tmp_path, index, frames, transition) for index, (frames, transition) in enumerate(scenes)]
    clip = _clip(tmp_path)
    copied = assemble(parts, clip, _never_stop)
    assert copied == all(transition is Transition.CUT for _, transition in scenes)
    _verified(clip, sum(frames for frames, _ in scenes))


def test_a_fade_goes_through_black(tmp_path: Path) -> None:
    """The scene before a fade darkens to its end, and the one after brightens from its beginning."""
    parts = [_scene(tmp_path, 2, 20), _scene(tmp_path, 3, 20, Transition.FADE)]
    assemble(parts, _clip(tmp_path), _never_stop)
    light = _brightness(tmp_path / "video.mp4")
    assert light[15:20] == sorted(light[15:20], reverse=True)
    assert light[20:26] == sorted(light[20:26])
    assert light[19] < 40
    assert light[10] == pytest.approx(_brightness(parts[0].path)[10], abs=2)


def test_a_first_scene_that_fades_comes_out_of_black(tmp_path: Path) -> None:
    """Without a scene before it, a scene brightens from its beginning, and the rest is as it was."""
    part = _scene(tmp_path, 2, 20, Transition.FADE)
    assemble([part], _clip(tmp_path), _never_stop)
    light = _brightness(tmp_path / "video.mp4")
    assert light[:6] == sorted(light[:6])
    assert light[0] < 60 < 150 < light[6]
    assert light[10:] == pytest.approx(_brightness(part.path)[10:], abs=4)


def test_a_dissolve_mixes_the_last_frame_into_the_next_scene(tmp_path: Path) -> None:
    """A dissolve goes from the brightness of one scene to that of the other without passing black."""
    parts = [_scene(tmp_path, 0, 20), _scene(tmp_path, 2, 20, Transition.DISSOLVE)]
    assemble(parts, _clip(tmp_path), _never_stop)
    light = _brightness(tmp_path / "video.mp4")
    assert light[19:26] == sorted(light[19:26])
    assert min(light) > 50
    assert light[0] + 10 < light[22] < light[-1] - 10


def test_a_single_scene_is_the_clip(tmp_path: Path) -> None:
    """A clip of one scene has the bytes of that scene, and can be made twice."""
    part = _scene(tmp_path, 0, 7)
    for _ in range(2):
        assemble([part], _clip(tmp_path), _never_stop)
    assert (tmp_path / "video.mp4").read_bytes() == part.path.read_bytes()


def test_assembling_can_be_stopped(tmp_path: Path) -> None:
    """An exception of `check` ends `assemble`, with cuts and with transitions."""

    class StopNow(Exception):
        """The caller's own reason."""

    def stop() -> None:
        raise StopNow

    for transition in (Transition.CUT, Transition.FADE):
        with pytest.raises(StopNow):
            assemble([_scene(tmp_path, 0, 4), _scene(tmp_path, 1, 4, transition)], _clip(tmp_path), stop)


def test_a_damaged_scene_cannot_be_joined(tmp_path: Path) -> None:
    """A scene file that is no video fails the assembly."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(EncodingFailed, match="cannot be joined"):
        assemble([_scene(tmp_path, 0, 4), SceneClip(broken, 4, Transition.CUT)], _clip(tmp_path), _never_stop)
