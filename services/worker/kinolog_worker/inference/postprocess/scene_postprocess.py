"""The files of drawn scenes become those of the video: their frames are enlarged, and frames between are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kinolog.counts import counted
from kinolog.storyboard.shots import Transition
from kinolog_worker.inference.messages import Message, RenderJob, StepMessage
from kinolog_worker.inference.stage_messages import StageMessages
from kinolog_worker.media.encoder import BackgroundEncoder, EncodingFailed
from kinolog_worker.media.frames import Frames, decoded_frames
from kinolog_worker.media.interpolation import interpolated
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.sound.track import copy_sound
from kinolog_worker.renderers.renderer import RenderFailed
from kinolog_worker.renderers.upscaler import OUT_OF_MEMORY, Upscaler

POSTPROCESS = "postprocess"
"""Name of the stage."""


class ScenePostprocess:
    """Enlarges the frames of scenes, and computes those between, one at a time.

    Scenes that go on from each other were drawn before: from what is not enlarged. `seconds` is how long it took.
    """

    def __init__(
        self,
        job: RenderJob,
        upscaler: Upscaler | None,
        stages: StageMessages,
        send: Callable[[Message], None],
        check: Callable[[], None],
    ) -> None:
        """`check` is called between tiles of a frame and may raise to stop."""
        self._job = job
        self._upscaler = upscaler
        self._stages = stages
        self._send = send
        self._check = check
        self._make_room: Callable[[], None] | None = None
        self.seconds = 0.0

    def finish(self, scenes: Sequence[SceneClip], make_room: Callable[[], None]) -> list[SceneClip]:
        """Return the scenes as the video has them, in files of their own.

        `make_room` is called once if the device has none: all models leave it. Raises RenderFailed and EncodingFailed.
        """
        self._make_room = make_room
        finished = []
        try:
            for index, scene in enumerate(scenes):
                self._check()
                self._stages.start(POSTPROCESS, index)
                finished.append(self._finished(index, scene, self._continuation(scenes, index)))
                self.seconds += self._stages.finish()
        finally:
            if self._upscaler is not None:
                self._upscaler.leave_device()
        return finished

    def _continuation(self, scenes: Sequence[SceneClip], index: int) -> SceneClip | None:
        """Return the scene that goes on from this one without a cut, if there is one."""
        if not self._job.chained or index + 1 == len(scenes):
            return None
        following = scenes[index + 1]
        return following if following.transition is Transition.CUT else None

    def _finished(self, index: int, scene: SceneClip, following: SceneClip | None) -> SceneClip:
        job = self._job
        frames = scene.frames * job.interpolation_factor
        path = job.folder / f"finished-{index:04}.mp4"
        width, height = job.video_size
        with BackgroundEncoder(
            path, width=width, height=height, fps=job.video_fps, encoding=job.encoding
        ) as encoder:
            for number, frame in enumerate(self._all_frames(scene.path, following), 1):
                encoder.write(frame[None])
                step = StepMessage(
                    job_id=job.job_id, stage=POSTPROCESS, scene=index, step=number, steps=frames
                )
                self._send(step)
        if encoder.frames != frames:
            raise EncodingFailed(f"a scene has {counted(encoder.frames, 'frame')}, and not {frames}")
        copy_sound(path, scene.path, self._check)
        return SceneClip(path, frames, scene.transition)

    def _all_frames(self, path: Path, following: SceneClip | None) -> Iterator[Frames]:
        """Yield the frames of the finished scene."""
        job = self._job
        if job.interpolation_factor == 1:
            return self._frames(path)
        return interpolated(
            self._frames(path),
            fps=job.fps,
            factor=job.interpolation_factor,
            following=lambda: None if following is None else next(self._frames(following.path), None),
        )

    def _frames(self, path: Path) -> Iterator[Frames]:
        for frame in decoded_frames(path):
            self._check()
            yield self._enlarged(frame)

    def _enlarged(self, frame: Frames) -> Frames:
        """Return a frame enlarged, if the job asks for it."""
        if self._upscaler is None:
            return frame
        try:
            return self._upscaler.enlarge(frame, self._check)
        except RenderFailed as failure:
            if failure.code != OUT_OF_MEMORY or self._make_room is None:
                raise
            make_room, self._make_room = self._make_room, None
        make_room()
        return self._upscaler.enlarge(frame, self._check)
