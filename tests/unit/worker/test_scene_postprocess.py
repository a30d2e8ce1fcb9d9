"""Frames of scenes that are enlarged on a device with little memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kinolog_worker.inference.messages import Message, StepMessage
from kinolog_worker.inference.postprocess.scene_postprocess import ScenePostprocess
from kinolog_worker.inference.stage_messages import StageMessages
from kinolog_worker.media.encoder import ClipEncoder, EncodingFailed
from kinolog_worker.media.encoder_settings import MASTER
from kinolog_worker.media.frames import Frames, decoded_frames
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.renderers.renderer import RenderFailed
from kinolog_worker.renderers.upscaler import UpscalerSource

from kinolog.job.values import UsedUpscaler
from kinolog.storyboard.shots import Transition
from tests.builders.render_jobs import card_job

SOURCE = UpscalerSource(name="x2", location="/models/x2", scale=2, tile=64, overlap=0, licence="mit")


class FullDevice:
    """A device that models have all of until they leave it."""

    has_room = False

    def make_room(self) -> None:
        assert not self.has_room
        self.has_room = True


class StarvedUpscaler:
    """Repeats pixels, if its device has room for it."""

    used = UsedUpscaler(name="x2", scale=2, sha256="", licence="mit")

    def __init__(self, device: FullDevice, *, needs_more: bool) -> None:
        self._device = device
        self._needs_more = needs_more
        self.left = False

    def enlarge(self, frame: Frames, check: Callable[[], None]) -> Frames:
        if self._needs_more or not self._device.has_room:
            raise RenderFailed("OUT_OF_MEMORY", "no room", retryable=True)
        return frame.repeat(2, axis=0).repeat(2, axis=1)

    def leave_device(self) -> None:
        self.left = True


def _scene(folder: Path, frames: int) -> SceneClip:
    path = folder / "scene.mp4"
    noise = np.random.default_rng(3).integers(0, 256, (frames, 48, 64, 3), dtype=np.uint8)
    with ClipEncoder(path, width=64, height=48, fps=8, encoding=MASTER) as encoder:
        encoder.write(noise)
    (decoded, *_) = decoded_frames(path)
    assert np.abs(decoded.astype(int) - noise[0]).mean() < 4  # of all colours, without loss of chroma
    return SceneClip(path, frames, Transition.CUT)


@pytest.mark.parametrize("needs_more", [False, True])
def test_models_leave_a_device_that_has_no_room_for_the_upscaler(tmp_path: Path, needs_more: bool) -> None:
    """Once. If that is not enough the attempt fails."""
    device = FullDevice()
    upscaler = StarvedUpscaler(device, needs_more=needs_more)
    job = replace(card_job(tmp_path), folder=tmp_path, upscaler=SOURCE)
    sent: list[Message] = []
    postprocess = ScenePostprocess(
        job, upscaler, StageMessages(job.job_id, sent.append), sent.append, lambda: None
    )
    scene = _scene(tmp_path, 3)
    if needs_more:
        with pytest.raises(RenderFailed, match="no room"):
            postprocess.finish([scene], device.make_room)
        assert device.has_room
        assert not list(tmp_path.glob("finished*"))
        return
    (finished,) = postprocess.finish([scene], device.make_room)
    assert [frame.shape for frame in decoded_frames(finished.path)] == [(96, 128, 3)] * 3
    assert [one.step for one in sent if isinstance(one, StepMessage)] == [1, 2, 3]
    assert upscaler.left
    with pytest.raises(EncodingFailed, match="has 3 frames, and not 4"):
        postprocess.finish([replace(scene, frames=4)], device.make_room)


def _moving(folder: Path, name: str, places: range, transition: Transition = Transition.CUT) -> SceneClip:
    """Write a scene in which a bar is at these places."""
    path = folder / name
    with ClipEncoder(path, width=64, height=48, fps=8, encoding=MASTER) as encoder:
        for place in places:
            frame = np.full((1, 48, 64, 3), 40, np.uint8)
            frame[:, :, place : place + 16] = 200
            encoder.write(frame)
    return SceneClip(path, len(places), transition)


def _bar(frame: Frames) -> float:
    """Return where the bar is."""
    bright = frame.astype(float).mean(axis=(0, 2)) - 40
    return float((bright * np.arange(64)).sum() / bright.sum()) - 7.5


@pytest.mark.parametrize(
    ("chained", "transition", "goes_on"),
    [(True, Transition.CUT, True), (True, Transition.FADE, False), (False, Transition.CUT, False)],
)
def test_frames_are_computed_across_scenes_that_go_on_alone(
    tmp_path: Path, chained: bool, transition: Transition, goes_on: bool
) -> None:
    """Where one ends with a cut or a fade, its last frame is shown twice: nothing of the next is in it."""
    job = replace(card_job(tmp_path), folder=tmp_path, chained=chained, interpolation_factor=2)
    scenes = [
        _moving(tmp_path, "a.mp4", range(0, 24, 4)),
        _moving(tmp_path, "b.mp4", range(24, 48, 4), transition),
    ]
    sent: list[Message] = []
    postprocess = ScenePostprocess(
        job, None, StageMessages(job.job_id, sent.append), sent.append, lambda: None
    )
    first, second = postprocess.finish(scenes, lambda: None)
    assert (first.frames, second.frames, second.transition) == (12, 12, transition)
    places = [_bar(frame) for frame in decoded_frames(first.path)]
    expected = [*range(0, 21, 2), 22 if goes_on else 20]
    assert places == pytest.approx(expected, abs=0.7)
