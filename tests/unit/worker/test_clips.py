"""Videos of users are decoded into the frames of a scene, at its rate and in its size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from kinolog_worker.media import clips
from kinolog_worker.media.clips import ClipSampling, InputTooShort, read_clip
from kinolog_worker.media.pictures import InputUnreadable

WANTED = ClipSampling(width=32, height=32, fps=8, frames=8, least=8)


def _write(path: Path, *, frames: int = 16, fps: int = 8, light_side: bool = False) -> str:
    """Write a video and return its type. Frame n has the grey 10 n; its left side may be white."""
    codec = "libx264" if path.suffix == ".mp4" else "libvpx-vp9"
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=fps))
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for number in range(frames):
            picture = np.full((32, 48, 3), 10 * number, np.uint8)
            picture[:, :24] = 255 if light_side else picture[:, :24]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return "video/mp4" if path.suffix == ".mp4" else "video/webm"


def _numbers(path: Path, media_type: str, wanted: ClipSampling) -> list[int]:
    """Return which frames of the video are read."""
    pictures = read_clip(path, media_type, wanted, lambda: None)
    assert {picture.size for picture in pictures} == {(wanted.width, wanted.height)}
    return [round(float(np.asarray(picture).mean()) / 10) for picture in pictures]


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_a_video_is_read_at_the_rate_of_the_scene(name: str, tmp_path: Path) -> None:
    """What moves keeps its speed: at half the rate every other frame is read, at the double one each is read twice."""
    media_type = _write(tmp_path / name)
    path = tmp_path / name
    assert _numbers(path, media_type, WANTED) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert _numbers(path, media_type, replace(WANTED, fps=4)) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert _numbers(path, media_type, replace(WANTED, fps=16)) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert _numbers(path, media_type, replace(WANTED, frames=3, least=3, from_end=True)) == [13, 14, 15]


def test_a_video_that_is_a_little_short_stands_still(tmp_path: Path) -> None:
    """A model draws a few frames more than are asked for; what is too short for the scene is refused."""
    media_type = _write(tmp_path / "a.mp4", frames=6)
    assert _numbers(tmp_path / "a.mp4", media_type, replace(WANTED, least=6)) == [0, 1, 2, 3, 4, 5, 5, 5]
    with pytest.raises(
        InputTooShort, match="has 6 frames at 8 per second, and the model starts from 8"
    ) as refusal:
        _numbers(tmp_path / "a.mp4", media_type, WANTED)
    assert refusal.value.code == "INPUT_TOO_SHORT"


def test_a_video_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    """The matrix in the header of the track says how."""
    _write(tmp_path / "a.mp4", frames=8, light_side=True)
    content = (tmp_path / "a.mp4").read_bytes()
    one, at = (1 << 16).to_bytes(4), content.index(b"tkhd") + 4 + 40
    assert content[at : at + 4] == one
    minus_one = (-1 << 16).to_bytes(4, signed=True)
    quarter = bytes(4) + one + bytes(4) + minus_one  # a b u c: turned by a quarter, clockwise
    (tmp_path / "b.mp4").write_bytes(content[:at] + quarter + bytes(4) + content[at + 20 :])
    picture, *_ = read_clip(tmp_path / "b.mp4", "video/mp4", replace(WANTED, height=48), lambda: None)
    assert picture.size == (32, 48)
    pixels = np.asarray(picture)
    assert pixels[:20].min() > 200 > 100 > pixels[28:].max()


def test_what_is_no_video_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what is wrong and has no name of a file."""
    media_type = _write(tmp_path / "a.mp4")
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    for name, kind, message in [
        ("cut.mp4", media_type, "damaged or no mp4"),
        ("a.mp4", "video/webm", "damaged or no webm"),
        ("a.mp4", "image/png", "image/png is no type of video"),
    ]:
        with pytest.raises(InputUnreadable, match=message) as refusal:
            read_clip(tmp_path / name, kind, WANTED, lambda: None)
        assert str(tmp_path) not in str(refusal.value)
    monkeypatch.setattr(clips, "MOST_FRAMES", 4)
    with pytest.raises(InputUnreadable, match="more than 4 frames"):
        read_clip(tmp_path / "a.mp4", media_type, WANTED, lambda: None)
    monkeypatch.setattr(clips, "MOST_PIXELS", 100)
    with pytest.raises(InputUnreadable, match="more than 100 pixels"):
        read_clip(tmp_path / "a.mp4", media_type, WANTED, lambda: None)
    with pytest.raises(FileNotFoundError):
        read_clip(tmp_path / "b.mp4", media_type, WANTED, lambda: None)


def test_reading_a_video_can_be_cancelled(tmp_path: Path) -> None:
    """A long video does not delay the end of a cancelled job, nor do frames of which none is shown."""
    media_type = _write(tmp_path / "a.mp4", fps=240)
    checked: list[int] = []

    def check() -> None:
        checked.append(1)
        if len(checked) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        read_clip(tmp_path / "a.mp4", media_type, replace(WANTED, from_end=True), check)
    assert len(checked) == 3
