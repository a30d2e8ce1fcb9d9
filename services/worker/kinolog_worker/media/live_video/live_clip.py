"""A video that is read while it is written: fragmented MP4, one fragment per frame.

It is H.264 whatever the codec of the job is, because every player and browser has it, and it is encoded without looking
ahead. The finished video is encoded apart, and better.

The library writes a fragment when it knows how long its frame is shown: when the next one comes, which may take
minutes. So the last frame of a run is written twice, each for half of its time.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kinolog_worker.media.conversion import for_encoder
from kinolog_worker.media.encoder import EncodingFailed
from kinolog_worker.media.encoder_settings import tagged_stream
from kinolog_worker.media.frames import Frames, decoded_frames

_MOVE_FLAGS = "empty_moov+default_base_moof+frag_every_frame"
_RATE_FACTOR = 24
_MOST_BITS_PER_PIXEL = 0.25
"""Bounds the file: 1 MB for each 32 million pixels, which are 80 frames of 832x480."""

_KEY_FRAME_SECONDS = 2
_TICKS = 2
"""Units of time of a frame."""
_PIXELS = "yuv420p"


class LiveClip:
    """Writes one file that grows. `size_bytes` of it can be played."""

    def __init__(self, path: Path, *, width: int, height: int, fps: int) -> None:
        """Open `path` for writing. Raises EncodingFailed, and OSError if it cannot be written."""
        self.size_bytes = 0
        self._frames = 0
        self._tick = Fraction(1, _TICKS * fps)
        self._file = path.open("wb", buffering=0)
        try:
            # `flush_packets`: each fragment reaches the file at once.
            options = {"movflags": _MOVE_FLAGS, "flush_packets": "1"}
            self._container = av.open(self, "w", format="mp4", options=options)
            self._stream = self._add_stream(width, height, fps)
        except (FFmpegError, OSError, ValueError) as error:
            self._file.close()
            raise EncodingFailed(f"no live video can be encoded at {width}x{height}: {error}") from error

    def write(self, data: bytes) -> int:
        """Append bytes to the file. The library that writes the MP4 calls this."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self.size_bytes += len(data)
        return len(data)

    def add_frames(self, frames: Iterable[Frames]) -> None:
        """Encode a run of RGB frames, each of shape (height, width, 3). All can be played then.

        Raises EncodingFailed.
        """
        frame: VideoFrame | None = None
        try:
            for rgb in frames:
                frame = for_encoder(VideoFrame.from_ndarray(rgb, format="rgb24"), _PIXELS)
                self._write_frame(frame, _TICKS * self._frames)
                self._frames += 1
            if frame is not None:
                self._write_frame(frame, _TICKS * self._frames - 1)
        except (FFmpegError, OSError) as error:
            raise EncodingFailed(f"the live video cannot be written: {error}") from error

    def _write_frame(self, frame: VideoFrame, at: int) -> None:
        frame.pts, frame.time_base = at, self._tick
        self._container.mux(self._stream.encode(frame))

    def add_file(self, path: Path) -> None:
        """Encode the frames of a scene's file again. Raises EncodingFailed."""
        self.add_frames(decoded_frames(path))

    def close(self) -> None:
        """Complete the file. Raises EncodingFailed."""
        try:
            if self._frames:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except (FFmpegError, OSError) as error:
            raise EncodingFailed(f"the live video cannot be completed: {error}") from error
        finally:
            self._file.close()

    def _add_stream(self, width: int, height: int, fps: int) -> VideoStream:
        most = int(width * height * fps * _MOST_BITS_PER_PIXEL)
        options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "crf": str(_RATE_FACTOR),
            "maxrate": str(most),
            "bufsize": str(2 * most),
            "g": str(_KEY_FRAME_SECONDS * fps),
        }
        stream = tagged_stream(
            self._container, "libx264", options, width=width, height=height, fps=fps, pixels=_PIXELS
        )
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = self._tick
        return stream
