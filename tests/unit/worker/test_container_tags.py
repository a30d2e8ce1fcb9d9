"""Title, provenance and chapters in the file of a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from kinolog_worker.media.container_tags import ContainerTags, provenance_comment, write_tags
from kinolog_worker.media.encoder import ClipEncoder
from kinolog_worker.media.encoder_settings import VideoEncoding
from kinolog_worker.media.video_check import ExpectedMedia, verify_video

from kinolog.models.codecs import SOFTWARE_CODECS, VideoCodec
from tests.builders.frames import textured_frames

FRAMES = (5, 8, 3)
COMMENT = provenance_comment(version="1.0", model="kinolog-tiny", revision="", seed=7, steps=20, guidance=2.0)
TAGS = ContainerTags(title="Mövenflug 海", comment=COMMENT, fps=12, scene_frames=FRAMES)


def _clip(path: Path, codec: VideoCodec) -> Path:
    with ClipEncoder(path, width=96, height=64, fps=12, encoding=VideoEncoding(codec)) as encoder:
        encoder.write(textured_frames(sum(FRAMES), 96, 64))
    return path


@pytest.mark.parametrize("codec", SOFTWARE_CODECS)
def test_tags_are_in_the_file_and_frames_stay(tmp_path: Path, codec: VideoCodec) -> None:
    """Title, comment and chapters can be read back, every frame stays, and tagging again gives the same bytes."""
    path = _clip(tmp_path / "video.mp4", codec)
    plain = path.read_bytes()
    expected = ExpectedMedia(width=96, height=64, fps=12, frames=sum(FRAMES), codec=codec)
    before = verify_video(path, expected)
    write_tags(path, TAGS, lambda: None)
    assert verify_video(path, expected).frame_hash == before.frame_hash
    with av.open(str(path)) as container:
        assert container.metadata["title"] == "Mövenflug 海"
        assert container.metadata["comment"] == (
            "AI-generated (trainedAlgorithmicMedia) by kinolog 1.0: model kinolog-tiny, seed 7, steps 20, guidance 2"
        )
        chapters = [
            (chapter["start"] * (chapter["time_base"] or 0), chapter["metadata"]["title"])
            for chapter in container.chapters()
        ]
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (1, 1)
        assert context.codec_tag == {"h264": "avc1", "h265": "hvc1", "av1": "av01"}[codec]
    starts = [Fraction(0), Fraction(5, 12), Fraction(13, 12)]
    rounded = [Fraction(round(start * 1000), 1000) for start in starts]
    assert chapters == [(start, f"Scene {number}") for number, start in enumerate(rounded, 1)]
    tagged = path.read_bytes()
    assert 0 < tagged.index(b"moov") < tagged.index(b"mdat")
    path.write_bytes(plain)
    write_tags(path, TAGS, lambda: None)
    assert path.read_bytes() == tagged
    assert list(tmp_path.iterdir()) == [path]


def test_one_scene_makes_no_chapters(tmp_path: Path) -> None:
    """A video of one scene has neither chapters nor an empty title."""
    path = _clip(tmp_path / "video.mp4", VideoCodec.H264)
    write_tags(path, ContainerTags(title="", comment=COMMENT, fps=12, scene_frames=(16,)), lambda: None)
    with av.open(str(path)) as container:
        assert not container.chapters()
        assert "title" not in container.metadata
        assert len(container.streams) == 1


def test_the_scene_file_stays(tmp_path: Path) -> None:
    """A video that is the same file as its only scene is replaced, not changed: the scene is needed by its hash."""
    scene = _clip(tmp_path / "scene-0000.mp4", VideoCodec.H264)
    before = scene.read_bytes()
    (tmp_path / "video.mp4").hardlink_to(scene)
    write_tags(tmp_path / "video.mp4", TAGS, lambda: None)
    assert scene.read_bytes() == before


def test_a_cancelled_job_stops_here_too(tmp_path: Path) -> None:
    """What `check` raises ends the copy, and leaves no half of it."""
    path = _clip(tmp_path / "video.mp4", VideoCodec.H264)
    before = path.read_bytes()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tags(path, TAGS, stop)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]
