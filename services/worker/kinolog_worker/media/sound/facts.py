"""Facts about the sound of a video file, by decoding it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from kinolog_worker.media.sound.sound_format import SoundFormat


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """Codec, format, and the seconds at which the sound starts and ends. What is missing between makes it shorter."""

    codec: str
    format: SoundFormat
    start: Fraction
    end: Fraction


def sound_facts(path: Path) -> SoundFacts | None:
    """Decode the sound of a file; return None if it has none. Raises FFmpegError and ValueError."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        if len(container.streams.audio) > 1:
            raise ValueError("it has several tracks of sound")
        stream = container.streams.audio[0]
        context = stream.codec_context
        start, samples = None, 0
        for frame in container.decode(stream):
            if start is None and frame.pts is not None and frame.time_base is not None:
                start = frame.pts * frame.time_base
            samples += frame.samples
        if start is None:
            raise ValueError("its sound is empty")
        rate = context.sample_rate
        return SoundFacts(
            codec=context.codec.canonical_name,
            format=SoundFormat(rate, context.layout.nb_channels),
            start=start,
            end=start + Fraction(samples, rate),
        )
