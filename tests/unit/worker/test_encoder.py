"""Frames into H.264 files, and the verification of those files."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinolog_worker.media.encoder import BackgroundEncoder, ClipEncoder, EncodingFailed
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.thumbnails import MiddleFrame, ThumbnailCollector, jpeg_of
from kinolog_worker.media.video_check import ExpectedMedia, MediaInvalid, verify_video
from PIL import Image

from tests.builders.frames import textured_frames
from tests.builders.libraries import loaded_library

RED, BLUE = (200, 30, 30), (20, 40, 200)


def _clip(frames: int = 9, width: int = 64, height: int = 48) -> Frames:
    """Return frames of a red square that moves over a blue background."""
    clip = np.empty((frames, height, width, 3), np.uint8)
    clip[:] = BLUE
    for index, frame in enumerate(clip):
        frame[16:32, 2 * index : 2 * index + 16] = RED
    return clip


def _encoded(path: Path, clip: Frames, fps: int = 8) -> Path:
    with ClipEncoder(path, width=clip.shape[2], height=clip.shape[1], fps=fps) as encoder:
        encoder.write(clip)
    return path


def _write(encoder: ClipEncoder | BackgroundEncoder, runs: list[Frames]) -> None:
    with encoder:
        for run in runs:
            encoder.write(run)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_size_length_and_rate_are_exact(
    tmp_path: Path, frames: int, fps: int, half_w: int, half_h: int
) -> None:
    """Any even size, any number of frames, at any rate: the file holds exactly that."""
    clip = np.zeros((frames, 2 * half_h, 2 * half_w, 3), np.uint8)
    facts = verify_video(
        _encoded(tmp_path / "clip.mp4", clip, fps),
        ExpectedMedia(width=2 * half_w, height=2 * half_h, fps=fps, frames=frames),
    )
    assert (facts.frames, facts.fps, facts.width, facts.height) == (frames, fps, 2 * half_w, 2 * half_h)
    assert facts.duration_seconds == frames / fps


def test_the_file_is_what_players_expect(tmp_path: Path) -> None:
    """H.264 in yuv420p, tagged BT.709 in limited range, with the index in front."""
    path = _encoded(tmp_path / "clip.mp4", _clip())
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (
            1,
            1,
            1,
            1,
        )
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_colours_survive(tmp_path: Path) -> None:
    """A flat colour comes back within a few steps: conversion and tags agree."""
    path = _encoded(tmp_path / "clip.mp4", _clip())
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.abs(picture[40, 50] - BLUE).max() <= 4
    assert np.abs(picture[24, 8] - RED).max() <= 4


def test_pixels_are_converted_alike_on_every_processor(tmp_path: Path) -> None:
    """Without any vector instruction libswscale converts the same frames to the same pixels, and scales them alike."""
    library = loaded_library("libavutil")
    if library is None:
        pytest.skip("the libraries of FFmpeg are linked in another way here")
    clip = textured_frames(3, 50, 38)

    def results(name: str) -> tuple[bytes, bytes]:
        path = _encoded(tmp_path / name, clip)
        thumbnails = ThumbnailCollector(frames=3, fps=8)
        verify_video(path, ExpectedMedia(width=50, height=38, fps=8, frames=3), thumbnails.add_frame)
        return path.read_bytes(), thumbnails.preview_webp()

    usual = results("usual.mp4")
    flags = library.av_get_cpu_flags()
    library.av_force_cpu_flags(0)
    try:
        assert results("plain.mp4") == usual
    finally:
        library.av_force_cpu_flags(flags)


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    """Encoding is deterministic, whatever the runs of frames."""
    clip = _clip()
    whole = _encoded(tmp_path / "whole.mp4", clip)
    with BackgroundEncoder(tmp_path / "pieces.mp4", width=64, height=48, fps=8) as encoder:
        for start in range(0, 9, 2):
            encoder.write(clip[start : start + 2])
    assert encoder.frames == 9
    assert (tmp_path / "pieces.mp4").read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(("width", "height"), [(63, 48), (64, 47), (0, 48), (64, 0)])
def test_odd_sizes_are_refused(tmp_path: Path, width: int, height: int) -> None:
    """A side that is odd or missing is refused before a file is made."""
    with pytest.raises(EncodingFailed, match="even"):
        ClipEncoder(tmp_path / "clip.mp4", width=width, height=height, fps=8)
    assert not (tmp_path / "clip.mp4").exists()


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    """Frames that change size fail the clip, and leave no file behind."""
    with pytest.raises(EncodingFailed, match="32x32"):
        _write(ClipEncoder(tmp_path / "clip.mp4", width=64, height=48, fps=8), [_clip(2), _clip(1, 32, 32)])
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_background_encoder_reaches_its_writer(tmp_path: Path) -> None:
    """An error in the encoding thread reaches the writing thread and leaves no file behind."""
    with pytest.raises(EncodingFailed, match="32x32"):
        _write(BackgroundEncoder(tmp_path / "clip.mp4", width=64, height=48, fps=8), [_clip(1, 32, 32)] * 20)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_encoding_failure(tmp_path: Path) -> None:
    """A file that cannot be written is an encoding failure."""
    with pytest.raises(EncodingFailed, match="cannot be written"):
        ClipEncoder(tmp_path / "nowhere" / "clip.mp4", width=64, height=48, fps=8)


def test_the_frame_hash_is_over_the_decoded_planes(tmp_path: Path) -> None:
    """The frame hash is the SHA-256 of the raw planes of all frames, in order."""
    path = _encoded(tmp_path / "clip.mp4", _clip(5, 50, 38))
    running = sha256()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            running.update(_planes(frame))
    assert (
        verify_video(path, ExpectedMedia(width=50, height=38, fps=8, frames=5)).frame_hash
        == running.hexdigest()
    )


def _planes(frame: av.VideoFrame) -> bytes:
    parts = []
    for plane in frame.planes:
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        parts.append(rows[:, : plane.width].tobytes())
    return b"".join(parts)


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (ExpectedMedia(width=64, height=48, fps=8, frames=8), "9 frames, not 8"),
        (ExpectedMedia(width=64, height=48, fps=8, frames=10), "9 frames, not 10"),
        (ExpectedMedia(width=64, height=64, fps=8, frames=9), "64x48, not 64x64"),
        (ExpectedMedia(width=64, height=48, fps=16, frames=9), "not shown at"),
    ],
)
def test_a_video_that_is_not_as_expected_is_refused(
    tmp_path: Path, expected: ExpectedMedia, words: str
) -> None:
    """The error of the verification names the difference."""
    with pytest.raises(MediaInvalid, match=words):
        verify_video(_encoded(tmp_path / "clip.mp4", _clip()), expected)


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    """Empty, truncated and other files are refused."""
    whole = _encoded(tmp_path / "clip.mp4", _clip()).read_bytes()
    for content in (b"", b"not a video", whole[: len(whole) // 2]):
        path = tmp_path / "broken.mp4"
        path.write_bytes(content)
        with pytest.raises(MediaInvalid):
            verify_video(path, ExpectedMedia(width=64, height=48, fps=8, frames=9))


def test_thumbnails_show_the_video(tmp_path: Path) -> None:
    """The thumbnail is the middle frame, and the preview lasts as long as the clip."""
    path = _encoded(tmp_path / "clip.mp4", _clip(17, 640, 480))
    thumbnails = ThumbnailCollector(frames=17, fps=8)
    verify_video(path, ExpectedMedia(width=640, height=480, fps=8, frames=17), thumbnails.add_frame)
    thumbnail = Image.open(BytesIO(thumbnails.thumbnail_jpeg()))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (320, 240))
    assert np.abs(np.asarray(thumbnail)[200, 300].astype(int) - BLUE).max() <= 8
    preview = Image.open(BytesIO(thumbnails.preview_webp()))
    assert (preview.format, preview.size) == ("WEBP", (128, 96))
    assert getattr(preview, "n_frames", 1) > 1


def test_the_thumbnail_of_a_scene_is_its_middle_frame(tmp_path: Path) -> None:
    """It is found whatever runs the frames arrive in, made small, and lies beside the file of the scene."""
    frames = np.zeros((9, 480, 640, 3), dtype=np.uint8)
    frames[4] = 200
    for runs in ([9], [4, 5], [5, 4], [1] * 9):
        thumbnail = MiddleFrame(9)
        for run in np.split(frames, np.cumsum(runs)[:-1]):
            thumbnail.add_frames(run)
        thumbnail.save(tmp_path / "scene-0000.mp4")
        image = Image.open(tmp_path / "scene-0000.jpg")
        assert (image.format, image.size) == ("JPEG", (320, 240))
        assert np.abs(np.asarray(image).astype(int) - 200).max() <= 2


def test_a_clip_of_one_frame_has_thumbnails(tmp_path: Path) -> None:
    """One frame is enough for a thumbnail and a preview."""
    path = _encoded(tmp_path / "clip.mp4", _clip(1))
    thumbnails = ThumbnailCollector(frames=1, fps=8)
    verify_video(path, ExpectedMedia(width=64, height=48, fps=8, frames=1), thumbnails.add_frame)
    assert thumbnails.thumbnail_jpeg()
    assert thumbnails.preview_webp()


def test_previews_are_small() -> None:
    """A large frame becomes a small JPEG."""
    picture = Image.open(BytesIO(jpeg_of(_clip(1, 640, 480)[0])))
    assert (picture.format, picture.size) == ("JPEG", (128, 96))
