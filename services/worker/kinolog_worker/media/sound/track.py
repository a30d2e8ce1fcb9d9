"""The sound of a video file: an AAC track beside the frames, which are copied without encoding them again.

The track starts with the first frame: the edit list of the file leaves out what the encoder puts before its first
sample. The same samples give the same bytes on any machine with the same versions of the libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from kinolog_worker.media.encoder import EncodingFailed
from kinolog_worker.media.sound.samples import Samples, silence
from kinolog_worker.media.sound.sound_format import SoundFormat
from kinolog_worker.media.stream_copy import add_copied_stream, packets

_CODEC = "aac"
_BITS_PER_CHANNEL = 96_000
_BITS_PER_SAMPLE = 4
"""A channel of a low rate gets fewer bits: the format has room for six per sample."""

_USUAL_RATE = 48_000
"""Sound of a rate that the format does not have is brought to this one."""


def add_sound(
    path: Path, sound_format: SoundFormat, runs: Iterable[Samples], check: Callable[[], None]
) -> None:
    """Replace a video without sound by a copy with this sound; its frames and their times stay.

    `check` is called between packets and may raise to stop. Raises EncodingFailed.
    """
    try:
        _add_track(path, lambda target: _encoded(target, sound_format, runs), check)
    except FFmpegError as error:
        raise EncodingFailed(f"the sound cannot be encoded: {error.strerror}") from error


def copy_sound(path: Path, sounding: Path, check: Callable[[], None]) -> None:
    """Replace a video without sound by a copy with that of another file, if it has any, without encoding it again.

    `check` is called between packets and may raise to stop. Raises EncodingFailed.
    """
    try:
        with av.open(str(sounding)) as source:
            if source.streams.audio:
                _add_track(path, lambda target: _copied_sound(source, target), check)
    except FFmpegError as error:
        raise EncodingFailed(f"the sound cannot be copied: {error.strerror}") from error


def _add_track(
    path: Path, sound: Callable[[OutputContainer], Iterator[Packet[Any]]], check: Callable[[], None]
) -> None:
    """Replace a video by a copy with the packets of `sound`. Raises FFmpegError, and what `check` raises."""
    both_path = path.with_name(f"sounding-{path.name}")
    try:
        with (
            av.open(str(path)) as frames,
            av.open(str(both_path), "w", format="mp4", options={"movflags": "+faststart"}) as target,
        ):
            for packet in merge(_copied_frames(frames, target), sound(target), key=_decoding_time):
                check()
                target.mux(packet)
        both_path.replace(path)
    finally:
        both_path.unlink(missing_ok=True)


def sound_format_of(path: Path) -> SoundFormat | None:
    """Return the format of a file's sound; None if it has none. Raises FFmpegError."""
    with av.open(str(path)) as source:
        if not source.streams.audio:
            return None
        context = source.streams.audio[0].codec_context
        return SoundFormat(context.sample_rate, min(context.layout.nb_channels, 2))


def decoded_sound(path: Path, sound_format: SoundFormat) -> Samples:
    """Return the sound of a file, from the first frame on, in a format; none if it has none. Raises FFmpegError."""
    runs = [silence(sound_format, 0)]
    with av.open(str(path)) as source:
        if source.streams.audio:
            resampler = AudioResampler("fltp", sound_format.layout, sound_format.rate)
            for frame in (*source.decode(source.streams.audio[0]), None):
                runs += [
                    part.to_ndarray().astype(np.float32, copy=False) for part in resampler.resample(frame)
                ]
    return np.concatenate(runs, axis=1)


def _copied_frames(source: InputContainer, target: OutputContainer) -> Iterator[Packet[Any]]:
    frames = source.streams.video[0]
    copied = add_copied_stream(target, frames)
    for packet in packets(source, frames):
        packet.stream = copied
        yield packet


def _copied_sound(source: InputContainer, target: OutputContainer) -> Iterator[Packet[Any]]:
    sound = source.streams.audio[0]
    copied = add_copied_stream(target, sound)
    for packet in source.demux(sound):
        if packet.pts is not None:
            packet.stream = copied
            yield packet


def _encoded(
    target: OutputContainer, sound_format: SoundFormat, runs: Iterable[Samples]
) -> Iterator[Packet[Any]]:
    track = _new_track(target, sound_format)
    position = 0
    for run in runs:
        if run.shape[1]:
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(run), "fltp", sound_format.layout)
            frame.sample_rate = sound_format.rate
            frame.pts, frame.time_base = position, Fraction(1, sound_format.rate)
            position += run.shape[1]
            yield from track.encode(frame)
    yield from track.encode(None)


def _new_track(target: OutputContainer, sound_format: SoundFormat) -> AudioStream:
    rate = (
        sound_format.rate if sound_format.rate in (av.Codec(_CODEC, "w").audio_rates or ()) else _USUAL_RATE
    )
    track = target.add_stream(_CODEC, rate=rate, layout=sound_format.layout)
    if not isinstance(track, AudioStream):
        raise TypeError(f"{_CODEC} is no codec of sound")
    track.bit_rate = sound_format.channels * min(_BITS_PER_CHANNEL, _BITS_PER_SAMPLE * rate)
    return track


def _decoding_time(packet: Packet[Any]) -> Fraction:
    time = packet.dts if packet.dts is not None else packet.pts
    return Fraction(time or 0) * (packet.time_base or 1)
