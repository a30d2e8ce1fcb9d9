"""Title, provenance and chapters in a finished video, without encoding it again.

The provenance is free of prompts: an erased job stays erased although copies of its video are elsewhere. The title is
the one that the request gives for the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from kinolog_worker.media.encoder import EncodingFailed
from kinolog_worker.media.stream_copy import copied_packets


@dataclass(frozen=True, slots=True)
class ContainerTags:
    """What a file says about itself. `scene_frames` has the length of each scene; one scene makes no chapters."""

    title: str
    comment: str
    fps: int
    scene_frames: Sequence[int]


def provenance_comment(
    *,
    version: str,
    model: str,
    revision: str,
    seed: int,
    steps: int,
    guidance: float,
    upscaler: str = "",
    drawn_fps: int = 0,
) -> str:
    """Return what made a video, in one line for the tag `comment`."""
    named = f"{model} {revision}".rstrip()
    enlarged = f", enlarged by {upscaler}" if upscaler else ""
    between = f", drawn at {drawn_fps} fps" if drawn_fps else ""
    return (
        f"AI-generated (trainedAlgorithmicMedia) by kinolog {version}: model {named}, seed {seed}, "
        f"steps {steps}, guidance {guidance:g}{enlarged}{between}"
    )


def write_tags(path: Path, tags: ContainerTags, check: Callable[[], None]) -> None:
    """Replace a video by a copy with these tags; its frames, its sound and their times stay.

    The same tags give the same bytes.
    `check` is called between packets and may raise to stop. Raises EncodingFailed.
    """
    tagged = path.with_name(f"tagged-{path.name}")
    try:
        with (
            av.open(str(path)) as source,
            av.open(str(tagged), "w", format="mp4", options={"movflags": "+faststart"}) as target,
        ):
            target.metadata.update(
                {name: text for name, text in (("title", tags.title), ("comment", tags.comment)) if text}
            )
            if len(tags.scene_frames) > 1:
                target.set_chapters(_chapters(tags))
            for packet in copied_packets(source, target):
                check()
                target.mux(packet)
        tagged.replace(path)  # the old name may be a hard link to a scene, which stays
    except FFmpegError as error:
        raise EncodingFailed(f"the video cannot be tagged: {error.strerror}") from error
    finally:
        tagged.unlink(missing_ok=True)


def _chapters(tags: ContainerTags) -> list[av.container.Chapter]:
    chapters: list[av.container.Chapter] = []
    start = 0
    for number, frames in enumerate(tags.scene_frames):
        chapters.append(
            {
                "id": number,
                "start": start,
                "end": start + frames,
                "time_base": Fraction(1, tags.fps),
                "metadata": {"title": f"Scene {number + 1}"},
            }
        )
        start += frames
    return chapters
