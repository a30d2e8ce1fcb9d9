"""The frames of a job as they are drawn, in a file that can be played meanwhile. A thread writes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TypeAlias

from kinolog_worker.inference.live_video.live_video_message import LiveVideoMessage
from kinolog_worker.inference.messages import RenderJob
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.live_video.live_clip import LiveClip

logger = logging.getLogger(__name__)

QUEUED_ITEMS = 4
"""Runs of frames that wait for the thread at most; then drawing waits."""

TOLD_FRAMES = 8
"""The supervisor is told after so many frames, if a run has more."""

_Item: TypeAlias = Frames | Path | None
"""Frames that were drawn, the file of a scene of an earlier attempt, or the end."""


class LiveVideo:
    """The live video of one run of a job: its scenes one after the other, without sound.

    Its troubles end it, and never the job: a warning says so.
    """

    def __init__(self, job: RenderJob, send: Callable[[LiveVideoMessage], None]) -> None:
        """Nothing is written for a job that has no live video. `send` passes messages to the supervisor."""
        self._job = job
        self._send = send
        self._path = job.folder / "live.mp4"
        self._queue: Queue[_Item] = Queue(QUEUED_ITEMS)
        self._thread: Thread | None = None
        self._is_wanted = job.live_video
        self._scene = -1
        self._added = 0
        """Frames of the scene that were added."""
        self._drawn = 0
        """Frames of the scene that were drawn in its current try."""

    def start_scene(self, index: int) -> None:
        """Say that the frames of a scene follow from its first one. The renderer may draw a scene again."""
        if index != self._scene:
            self._scene, self._added = index, 0
        self._drawn = 0

    def add_frames(self, frames: Frames) -> None:
        """Add the next frames of the scene, shape (n, height, width, 3). The caller must not change them afterwards.

        Those that are drawn again are left out.
        """
        fresh = frames[max(0, self._added - self._drawn) :]
        self._drawn += len(frames)
        self._added = max(self._added, self._drawn)
        if len(fresh):
            self._put(fresh)

    def add_file(self, path: Path) -> None:
        """Add the next scene, whole, from a file of ours."""
        self._put(path)

    def end(self) -> None:
        """Say that no more is added."""
        if self._thread is not None:
            self._queue.put(None)

    def wait(self) -> None:
        """Wait until all is written, after `end`."""
        if self._thread is not None:
            self._thread.join()

    def abandon(self) -> None:
        """End it as it is. Nothing is written any more when this returns."""
        self._is_wanted = False
        self.end()
        self.wait()

    def _put(self, item: _Item) -> None:
        if not self._is_wanted:
            return
        if self._thread is None:
            self._thread = Thread(target=self._write, name="live video", daemon=True)
            self._thread.start()
        self._queue.put(item)

    def _write(self) -> None:
        """Write what is added, until its end. After an error take it all the same, so that drawing does not wait."""
        items = self._items()
        try:
            self._write_clip(items)
        except Exception as error:
            logger.warning("the video cannot be played before it is finished: %s", type(error).__name__)
            self._is_wanted = False
            for _ in items:
                pass

    def _items(self) -> Iterator[Frames | Path]:
        while (item := self._queue.get()) is not None:
            yield item

    def _write_clip(self, items: Iterator[Frames | Path]) -> None:
        job = self._job
        clip = LiveClip(self._path, width=job.width, height=job.height, fps=job.fps)
        try:
            for item in items:
                self._write_item(clip, item)
        finally:
            clip.close()
        if self._is_wanted:
            self._tell(clip, is_complete=True)

    def _write_item(self, clip: LiveClip, item: Frames | Path) -> None:
        if not self._is_wanted:
            return
        if isinstance(item, Path):
            clip.add_file(item)
            self._tell(clip)
            return
        for begin in range(0, len(item), TOLD_FRAMES):
            clip.add_frames(item[begin : begin + TOLD_FRAMES])
            self._tell(clip)

    def _tell(self, clip: LiveClip, *, is_complete: bool = False) -> None:
        message = LiveVideoMessage(
            job_id=self._job.job_id, path=self._path, size_bytes=clip.size_bytes, is_complete=is_complete
        )
        self._send(message)
