"""Frames into a video file, one run of frames at a time.

yuv420p unless the encoding names other pixels, converted to and tagged as BT.709 (limited range), index in front
(`faststart`, which needs a file). Sides must be even; odd ones are refused, never padded.

The same frames give the same bytes on any machine with the same versions of the libraries, idle or busy (decision 41):
the encoders are set so (`kinolog_worker.media.encoder_settings`), and pixels are converted exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Self

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kinolog.models.codecs import VideoCodec
from kinolog_worker.media.conversion import for_encoder
from kinolog_worker.media.encoder_settings import H264, VideoEncoding, add_video_stream
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.real_time import forbid_real_time

_X265_SURE_FRAMES = 3
"""Clips of fewer frames have no frame that is decoded before its place."""

_QUEUED_RUNS = 4
"""Runs of frames that wait for the encoding thread at most."""


class EncodingFailed(Exception):
    """The clip cannot be encoded; the message states why."""


class ClipEncoder:
    """Writes one file. As a context manager it completes the file, or removes it after an error."""

    def __init__(
        self, path: Path, *, width: int, height: int, fps: int, encoding: VideoEncoding = H264
    ) -> None:
        """Open `path` for writing. Raises EncodingFailed for odd or empty sizes, unwritable files, missing encoders."""
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise EncodingFailed(f"{width}x{height} cannot be encoded: sides must be even")
        if fps < 1:
            raise EncodingFailed("the frame rate must be at least 1")
        self.path = path
        self.frames = 0
        self._size = (width, height)
        self._codec = encoding.codec
        self._pixels = encoding.pixels
        try:
            path.touch()
            self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        except (FFmpegError, OSError) as error:
            raise EncodingFailed(f"{path.name} cannot be written: {error.strerror}") from error
        try:
            self._stream = add_video_stream(self._container, encoding, width=width, height=height, fps=fps)
            forbid_real_time()
            self._stream.codec_context.open(strict=False)
        except (FFmpegError, OSError, ValueError) as error:
            self.abandon()
            raise EncodingFailed(
                f"this worker cannot encode {encoding.codec} at {width}x{height}: its encoder does not open"
            ) from error

    def write(self, frames: Frames) -> None:
        """Encode a run of RGB frames, shape (n, height, width, 3)."""
        for frame in frames:
            self.write_frame(VideoFrame.from_ndarray(frame, format="rgb24"))

    def write_frame(self, frame: VideoFrame) -> None:
        """Encode one RGB frame."""
        if (frame.width, frame.height) != self._size:
            raise EncodingFailed(
                f"a frame is {frame.width}x{frame.height}, not {self._size[0]}x{self._size[1]}"
            )
        converted = for_encoder(frame, self._pixels)
        converted.pts = self.frames
        self.frames += 1
        try:
            self._container.mux(self._stream.encode(converted))
        except FFmpegError as error:
            raise EncodingFailed(f"encoding failed: {error.strerror}") from error

    def close(self) -> None:
        """Write the frames that the encoder still buffers, and the index. Raises EncodingFailed."""
        try:
            if self.frames:
                self._container.mux(self._last_packets())
            self._container.close()
        except FFmpegError as error:
            raise EncodingFailed(f"the file cannot be completed: {error.strerror}") from error

    def _last_packets(self) -> list[Packet[VideoStream]]:
        """Return what the encoder still holds.

        x265 leaves the decoding times of clips of one or two frames unset: they hold whatever was in memory.
        """
        packets = self._stream.encode(None)
        if self._codec is VideoCodec.H265 and self.frames < _X265_SURE_FRAMES:
            for packet in packets:
                packet.dts = packet.pts
        return packets

    def abandon(self) -> None:
        """Remove the file without completing it."""
        with suppress(FFmpegError):  # an incomplete file is expected here
            self._container.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


class BackgroundEncoder:
    """A ClipEncoder in a thread of its own, so that it encodes while the next frames are decoded.

    At most four runs of frames are queued; then `write` blocks. An error of the encoder is raised by the next call.
    """

    def __init__(
        self, path: Path, *, width: int, height: int, fps: int, encoding: VideoEncoding = H264
    ) -> None:
        self._encoder = ClipEncoder(path, width=width, height=height, fps=fps, encoding=encoding)
        self._queue: Queue[Frames | None] = Queue(maxsize=_QUEUED_RUNS)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._encode_queued, name="encode", daemon=True)
        self._thread.start()

    @property
    def frames(self) -> int:
        """Frames encoded so far; after `close`, frames in the file."""
        return self._encoder.frames

    def write(self, frames: Frames) -> None:
        """Queue a run of RGB frames, shape (n, height, width, 3). The caller must not change the array afterwards."""
        if self._error is not None:
            raise self._error
        self._queue.put(frames)

    def close(self) -> None:
        """Wait for the encoder and complete the file."""
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            self._encoder.abandon()
            raise self._error
        self._encoder.close()

    @contextmanager
    def left_open(self) -> Iterator[None]:
        """Keep the encoder open after the block. An error in the block removes the file."""
        try:
            yield
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Stop encoding and remove the file."""
        self._error = self._error or EncodingFailed("abandoned")
        self._queue.put(None)
        self._thread.join()
        self._encoder.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _encode_queued(self) -> None:
        """Encode until `None` is queued. After an error, keep reading frames, so that no writer blocks."""
        while (frames := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._encoder.write(frames)
                except BaseException as error:  # raised again in the writing thread
                    self._error = error
