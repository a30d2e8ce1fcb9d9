"""A video that grows while its job is drawn: what is in its file can be played, and its troubles are not the job's."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from kinolog_worker.inference.job_renderer import JobRenderer
from kinolog_worker.inference.live_video.live_video import LiveVideo
from kinolog_worker.inference.live_video.live_video_message import LiveVideoMessage
from kinolog_worker.inference.messages import Message, RenderJob
from kinolog_worker.inference.postprocess.finish_thread import FinishThread
from kinolog_worker.media.conversion import rgb_of
from kinolog_worker.media.encoder import ClipEncoder
from kinolog_worker.media.frames import Frames

from tests.builders.render_jobs import card_job
from tests.unit.worker.test_scene_again import HeldModel, StarvedRenderer

FRAMES, FPS = 16, 8


def _frames(number: int, first: int = 0) -> Frames:
    """Grey frames, each darker than the one before."""
    grey = 250 - 10 * np.arange(first, first + number, dtype=np.uint8)
    return np.broadcast_to(grey[:, None, None, None], (number, 48, 64, 3)).copy()


def _greys(path: Path) -> list[int]:
    """The grey that a file shows at each frame's time, counted from 0 for the brightest."""
    greys: list[int] = []
    with av.open(str(path)) as video:
        for frame in video.decode(video=0):
            shown = round((250 - float(rgb_of(frame).mean())) / 10)
            at = round((frame.time or 0.0) * FPS, 1)
            assert at == len(greys) or (at, shown) == (
                len(greys) - 0.5,
                greys[-1],
            )  # the first of a run, or its last
            greys += [shown] if at == len(greys) else []
    return greys


class Grown:
    """Receives messages about a live video, with a copy of what can be played at each."""

    def __init__(self, folder: Path) -> None:
        self.messages: list[LiveVideoMessage] = []
        self._folder = folder

    def __call__(self, message: LiveVideoMessage) -> None:
        self.messages.append(message)
        self.copy(-1).write_bytes(message.path.read_bytes()[: message.size_bytes])

    def copy(self, index: int) -> Path:
        """The file of a copy."""
        return self._folder / f"copy-{range(len(self.messages))[index]}.mp4"


@pytest.fixture
def grown(tmp_path: Path) -> Grown:
    """A receiver of messages."""
    return Grown(tmp_path)


@pytest.fixture
def live_job(tmp_path: Path) -> RenderJob:
    """A job that has a live video, 64x48."""
    job = replace(card_job(tmp_path, "a ball", FRAMES), live_video=True)
    job.folder.mkdir()
    return job


def _finished(video: LiveVideo) -> None:
    video.end()
    video.wait()


def test_what_is_there_can_be_played(live_job: RenderJob, grown: Grown) -> None:
    """Each message tells of more frames, the first after four. The last one says that they are all."""
    video = LiveVideo(live_job, grown)
    video.start_scene(0)
    for first in range(0, FRAMES, 4):
        video.add_frames(_frames(4, first))
    _finished(video)
    played = [_greys(grown.copy(index)) for index in range(len(grown.messages))]
    assert played == [list(range(drawn)) for drawn in (4, 8, 12, 16, 16)]
    assert [message.is_complete for message in grown.messages] == [False, False, False, False, True]


def test_scenes_follow_each_other(live_job: RenderJob, grown: Grown, tmp_path: Path) -> None:
    """One of an earlier attempt comes from its file, and frames that are drawn again are left out."""
    earlier = tmp_path / "earlier.mp4"
    with ClipEncoder(earlier, width=64, height=48, fps=8) as encoder:
        encoder.write(_frames(3))
    video = LiveVideo(live_job, grown)
    video.add_file(earlier)
    for tries in (5, 2, 6):
        video.start_scene(1)
        video.add_frames(_frames(tries, 3))
    video.start_scene(2)
    video.add_frames(_frames(2, 9))
    _finished(video)
    assert _greys(grown.copy(-1)) == list(range(11))


def test_a_job_without_one_has_no_file(tmp_path: Path, grown: Grown) -> None:
    """Nothing is told of it."""
    video = LiveVideo(card_job(tmp_path, "a ball", FRAMES), grown)
    video.start_scene(0)
    video.add_frames(_frames(4))
    _finished(video)
    assert (grown.messages, list(tmp_path.rglob("*.mp4"))) == ([], [])


def test_its_troubles_end_it_alone(
    live_job: RenderJob, grown: Grown, caplog: pytest.LogCaptureFixture
) -> None:
    """Drawing goes on, also if many runs of frames follow; a warning says why there is nothing to play."""
    (live_job.folder / "live.mp4").mkdir()
    video = LiveVideo(live_job, grown)
    video.start_scene(0)
    with caplog.at_level(logging.WARNING):
        for first in range(FRAMES):
            video.add_frames(_frames(1, first))
        _finished(video)
    assert grown.messages == []
    assert caplog.messages == ["the video cannot be played before it is finished: IsADirectoryError"]


def test_one_that_is_abandoned_is_not_complete(live_job: RenderJob, grown: Grown) -> None:
    """Nothing is written when that returns."""
    video = LiveVideo(live_job, grown)
    video.start_scene(0)
    video.add_frames(_frames(4))
    video.abandon()
    assert not any(message.is_complete for message in grown.messages)


def test_the_renderer_of_a_job_writes_it(live_job: RenderJob) -> None:
    """It is complete before the job is finished, with the frames of the job, once."""
    sent: list[Message] = []
    thread = FinishThread()
    JobRenderer(live_job, HeldModel(StarvedRenderer(1)), sent.append, lambda: False, thread).draw()()
    thread.end()
    told = [message for message in sent if isinstance(message, LiveVideoMessage)]
    assert told[-1].is_complete
    assert told[-1].size_bytes == told[-1].path.stat().st_size
    with av.open(str(told[-1].path)) as video:
        times = [round((frame.time or 0.0) * FPS, 1) for frame in video.decode(video=0)]
    assert [at for at in times if at.is_integer()] == list(range(FRAMES))
