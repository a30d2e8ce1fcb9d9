"""Each codec: its files, its bytes on any machine, and what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import av
import pytest
from kinolog_worker.media import encoder_settings
from kinolog_worker.media.assembly import ClipTarget, assemble
from kinolog_worker.media.encoder import ClipEncoder, EncodingFailed
from kinolog_worker.media.encoder_settings import VideoEncoding, add_video_stream, available_codecs
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.video_check import ExpectedMedia, MediaInvalid, VerifiedMedia, verify_video

from kinolog.models.codecs import SOFTWARE_CODECS, VideoCodec
from kinolog.storyboard.shots import Transition
from tests.builders.frames import textured_frames

NO_VECTORS = {
    VideoCodec.H264: ("x264-params", "asm=0"),
    VideoCodec.H265: ("x265-params", "asm=0"),
    VideoCodec.AV1: ("svtav1-params", "asm=c"),
}
"""The option of each encoder that forbids vector instructions."""

every_codec = pytest.mark.parametrize("codec", SOFTWARE_CODECS)


def _encoded(path: Path, clip: Frames, codec: VideoCodec, crf: int = 0) -> Path:
    height, width = clip.shape[1:3]
    with ClipEncoder(path, width=width, height=height, fps=8, encoding=VideoEncoding(codec, crf)) as encoder:
        encoder.write(clip)
    return path


def _verified(path: Path, clip: Frames, codec: VideoCodec) -> VerifiedMedia:
    frames, height, width = clip.shape[:3]
    return verify_video(path, ExpectedMedia(width=width, height=height, fps=8, frames=frames, codec=codec))


@every_codec
@pytest.mark.parametrize(("frames", "size"), [(1, None), (2, (66, 34)), (3, (96, 32)), (17, (66, 34))])
def test_files_hold_exactly_the_frames(
    tmp_path: Path, codec: VideoCodec, frames: int, size: tuple[int, int] | None
) -> None:
    """The file has every frame at its time, the smallest too, and if the encoder looks further ahead than its end."""
    clip = textured_frames(frames, *(size or codec.least_size))
    facts = _verified(_encoded(tmp_path / "clip.mp4", clip, codec), clip, codec)
    assert (facts.frames, facts.codec, facts.pixel_format) == (frames, codec, "yuv420p")


@every_codec
def test_files_are_tagged_and_begin_with_their_index(tmp_path: Path, codec: VideoCodec) -> None:
    """Players get BT.709 in limited range, the index in front, and for H.265 the tag that all of them know."""
    path = _encoded(tmp_path / "clip.mp4", textured_frames(9, 64, 48), codec)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        tags = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
        assert tags == (1, 1, 1, 1)
        assert context.codec_tag == {"h264": "avc1", "h265": "hvc1", "av1": "av01"}[codec]
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


@every_codec
@pytest.mark.parametrize(("frames", "width", "height"), [(13, 160, 96), (2, 1026, 258)])
def test_the_bytes_do_not_depend_on_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: VideoCodec, frames: int, width: int, height: int
) -> None:
    """A processor without any vector instruction gives the same bytes, with one thread and with several."""
    clip = textured_frames(frames, width, height)
    usual = _encoded(tmp_path / "usual.mp4", clip, codec).read_bytes()
    name, forbid = NO_VECTORS[codec]
    options = encoder_settings._options

    def without_vectors(chosen: VideoEncoding, pixels: int) -> Mapping[str, str]:
        found = dict(options(chosen, pixels))
        return found | {name: f"{found[name]}:{forbid}"}

    monkeypatch.setattr(encoder_settings, "_options", without_vectors)
    assert _encoded(tmp_path / "plain.mp4", clip, codec).read_bytes() == usual


@every_codec
@pytest.mark.parametrize("frames", [2, 9])
def test_the_bytes_do_not_depend_on_the_load(tmp_path: Path, codec: VideoCodec, frames: int) -> None:
    """Encoders that run at the same time and compete for the processor all give the same bytes."""
    clip = textured_frames(frames, 96, 64)
    paths = [tmp_path / f"{number}.mp4" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(partial(_encoded, clip=clip, codec=codec), paths))
    assert len({sha256(path.read_bytes()).hexdigest() for path in paths}) == 1


@pytest.mark.parametrize(
    ("width", "height", "threads"), [(64, 48, 1), (512, 512, 1), (854, 480, 4), (1920, 1080, 4)]
)
def test_the_number_of_threads_follows_from_the_size(width: int, height: int, threads: int) -> None:
    """x264 and x265 give other bytes with other numbers of threads: they choose none by the cores of the machine."""
    with av.open(BytesIO(), "w", format="mp4") as container:
        stream = add_video_stream(container, VideoEncoding(), width=width, height=height, fps=8)
        assert stream.codec_context.thread_count == threads
    pool = {1: "none", 4: "4"}[threads]
    options = encoder_settings._options(VideoEncoding(VideoCodec.H265), width * height)
    assert options["x265-params"].endswith(f"frame-threads=1:cutree=0:pools={pool}")


def test_h264_is_encoded_as_in_earlier_versions() -> None:
    """Jobs of earlier versions that are rendered again have the same bytes."""
    assert encoder_settings._options(VideoEncoding(), 64 * 64) == {
        "preset": "veryfast",
        "crf": "18",
        "x264-params": "cpu-independent=1",
    }


@every_codec
def test_a_greater_rate_factor_makes_a_smaller_file(tmp_path: Path, codec: VideoCodec) -> None:
    """The rate factor reaches the encoder."""
    clip = textured_frames(9, 128, 96)
    sizes = [
        _encoded(tmp_path / "clip.mp4", clip, codec, crf).stat().st_size
        for crf in (1, 0, codec.crf_range.largest)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


@every_codec
@pytest.mark.parametrize("transition", [Transition.CUT, Transition.DISSOLVE])
def test_scenes_of_each_codec_are_joined(tmp_path: Path, codec: VideoCodec, transition: Transition) -> None:
    """Scenes are joined without encoding them again, or blended and encoded with the same codec."""
    clips = [textured_frames(frames, 96, 64) for frames in (5, 2, 9)]
    scenes = [
        SceneClip(
            _encoded(tmp_path / f"{number}.mp4", clip, codec),
            len(clip),
            transition if number else Transition.CUT,
        )
        for number, clip in enumerate(clips)
    ]
    target = ClipTarget(tmp_path / "video.mp4", width=96, height=64, fps=8, encoding=VideoEncoding(codec))
    copied = assemble(scenes, target, lambda: None)
    assert copied is (transition is Transition.CUT)
    expected = ExpectedMedia(width=96, height=64, fps=8, frames=16, codec=codec)
    assert verify_video(target.path, expected).codec == codec
    with av.open(str(target.path)) as container:
        tag = container.streams.video[0].codec_context.codec_tag
    assert tag == {"h264": "avc1", "h265": "hvc1", "av1": "av01"}[codec]


def test_another_codec_is_refused(tmp_path: Path) -> None:
    """A video of another codec than the job's is not a result."""
    clip = textured_frames(3, 64, 48)
    path = _encoded(tmp_path / "clip.mp4", clip, VideoCodec.H265)
    with pytest.raises(MediaInvalid, match="the codec is h265, not h264"):
        _verified(path, clip, VideoCodec.H264)


def test_an_encoder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder that does not open fails the clip with its name, and leaves no file."""
    monkeypatch.setitem(encoder_settings._ENCODERS, VideoCodec.AV1_NVENC, "libsvtav1")
    with pytest.raises(EncodingFailed, match="cannot encode av1_nvenc at 192x128"):
        _encoded(tmp_path / "clip.mp4", textured_frames(1, 192, 128), VideoCodec.AV1_NVENC)
    assert list(tmp_path.iterdir()) == []


def test_codecs_that_do_not_open_are_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codecs of this machine are those whose encoders open, not those that the library has names of."""
    assert set(SOFTWARE_CODECS) <= set(available_codecs())
    monkeypatch.setitem(encoder_settings._ENCODERS, VideoCodec.H264_NVENC, "libx264")
    monkeypatch.setitem(encoder_settings._ENCODERS, VideoCodec.AV1, "an encoder that this build lacks")
    found = available_codecs()
    assert VideoCodec.H264_NVENC in found
    assert VideoCodec.AV1 not in found
