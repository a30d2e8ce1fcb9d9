"""The sound of files: in sync with their frames, through scenes, transitions and tags."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from kinolog_worker.media.assembly import ClipTarget, assemble
from kinolog_worker.media.container_tags import ContainerTags, write_tags
from kinolog_worker.media.encoder import ClipEncoder
from kinolog_worker.media.scene_clip import SceneClip
from kinolog_worker.media.sound.samples import Samples, silence
from kinolog_worker.media.sound.sound_format import SoundFormat
from kinolog_worker.media.sound.track import add_sound, decoded_sound, sound_format_of
from kinolog_worker.media.video_check import ExpectedMedia, MediaInvalid, VerifiedMedia, verify_video

from kinolog.storyboard.shots import Transition
from tests.builders.frames import textured_frames
from tests.builders.libraries import loaded_library
from tests.builders.sound import clicking, clicks_in

CD = SoundFormat(44_100, 2)
FPS = 24
"""A frame lasts 1837.5 samples of `CD`: a scene of an odd length ends between two."""


def _never_stop() -> None:
    return None


def _silent(path: Path, frames: int, fps: int = FPS) -> Path:
    with ClipEncoder(path, width=32, height=32, fps=fps) as encoder:
        encoder.write(textured_frames(frames, 32, 32))
    return path


def _scene(
    path: Path,
    frames: int,
    *clicks: int,
    sound_format: SoundFormat | None = CD,
    transition: Transition = Transition.CUT,
) -> SceneClip:
    """Write a scene that clicks at the start of these frames."""
    _silent(path, frames)
    if sound_format is not None:
        starts = [sound_format.samples_before(frame, FPS) for frame in clicks]
        length = sound_format.samples_before(frames, FPS)
        add_sound(path, sound_format, [clicking(sound_format, length, *starts)], _never_stop)
    return SceneClip(path, frames, transition)


def _verified(path: Path, frames: int, *, has_sound: bool = True) -> VerifiedMedia:
    return verify_video(path, ExpectedMedia(width=32, height=32, fps=FPS, frames=frames, has_sound=has_sound))


@pytest.mark.parametrize("sound_format", [CD, SoundFormat(24_000, 1), SoundFormat(16_000, 2)])
def test_a_click_is_at_its_frame(tmp_path: Path, sound_format: SoundFormat) -> None:
    """What is heard at a frame was at that frame before it was encoded, to a thousandth of a second."""
    path = _scene(tmp_path / "scene.mp4", 31, 3, 17, sound_format=sound_format).path
    assert clicks_in(path) == pytest.approx([3 / FPS, 17 / FPS], abs=0.001)
    media = _verified(path, 31)
    facts = (media.audio_codec, media.audio_sample_rate, media.audio_channels)
    assert facts == ("aac", sound_format.rate, sound_format.channels)
    with av.open(str(path)) as container:
        (sound,) = container.streams.audio
        length = Fraction(sound.duration or 0) * (sound.time_base or 0)
        assert sound.start_time == 0
        assert float(length) == pytest.approx(31 / FPS, abs=0.001)


def test_frames_stay_as_they_are(tmp_path: Path) -> None:
    """A file with sound has the frames and times that it had, and its index in front."""
    path = _silent(tmp_path / "scene.mp4", 31)
    before = _verified(path, 31, has_sound=False)
    add_sound(path, CD, [silence(CD, CD.samples_before(31, FPS))], _never_stop)
    assert _verified(path, 31).frame_hash == before.frame_hash
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    assert list(tmp_path.iterdir()) == [path]


def test_a_rate_that_the_format_lacks_is_changed(tmp_path: Path) -> None:
    """Sound of 20000 samples a second has 48000 in the file, and clicks where it did."""
    path = _scene(tmp_path / "scene.mp4", 31, 17, sound_format=SoundFormat(20_000, 2)).path
    assert _verified(path, 31).audio_sample_rate == 48_000
    assert clicks_in(path) == pytest.approx([17 / FPS], abs=0.001)


@pytest.mark.parametrize("transition", Transition)
def test_scenes_stay_in_sync(tmp_path: Path, transition: Transition) -> None:
    """Clicks of all scenes are at their frames of the whole video, however the scenes follow each other."""
    lengths = (25, 31, 7, 37)
    scenes = [
        _scene(
            tmp_path / f"{number}.mp4",
            frames,
            frames // 2,
            transition=transition if number else Transition.CUT,
        )
        for number, frames in enumerate(lengths)
    ]
    target = ClipTarget(tmp_path / "video.mp4", width=32, height=32, fps=FPS)
    assert assemble(scenes, target, _never_stop) is (transition is Transition.CUT)
    tags = ContainerTags(title="Clicks", comment="clicks", fps=FPS, scene_frames=lengths)
    write_tags(target.path, tags, _never_stop)
    expected = [(sum(lengths[:number]) + frames // 2) / FPS for number, frames in enumerate(lengths)]
    assert clicks_in(target.path) == pytest.approx(expected, abs=0.001)
    assert _verified(target.path, sum(lengths)).audio_sample_rate == CD.rate


def test_a_scene_without_sound_is_silent(tmp_path: Path) -> None:
    """Silence lasts as long as the scene, so the next one is in sync."""
    scenes = [
        _scene(tmp_path / "0.mp4", 25, sound_format=None),
        _scene(tmp_path / "1.mp4", 31, 4),
        _scene(tmp_path / "2.mp4", 25, sound_format=None),
    ]
    target = ClipTarget(tmp_path / "video.mp4", width=32, height=32, fps=FPS)
    assemble(scenes, target, _never_stop)
    assert clicks_in(target.path) == pytest.approx([29 / FPS], abs=0.001)
    _verified(target.path, 81)


def test_many_scenes_do_not_drift(tmp_path: Path) -> None:
    """Half samples at the ends of scenes do not add up: the click of the last of thirty is at its frame."""
    first = _scene(tmp_path / "0.mp4", 1)
    scenes = [first] * 29 + [_scene(tmp_path / "1.mp4", 9, 5)]
    target = ClipTarget(tmp_path / "video.mp4", width=32, height=32, fps=FPS)
    assemble(scenes, target, _never_stop)
    assert clicks_in(target.path) == pytest.approx([34 / FPS], abs=0.001)
    _verified(target.path, 38)


def _loudness(path: Path) -> Samples:
    """Return the loudness of each frame of a file, from 0 to 1."""
    samples = np.abs(decoded_sound(path, SoundFormat(44_100, 1)))[0]
    starts = [
        SoundFormat(44_100, 1).samples_before(frame, FPS) for frame in range(len(samples) * FPS // 44_100)
    ]
    loudest: Samples = np.array([samples[start : start + 1800].max() for start in starts], np.float32)
    return loudest


def _humming(path: Path, transition: Transition) -> SceneClip:
    """Write a scene of 24 frames with an even tone."""
    tone = 0.5 * np.sin(np.arange(CD.rate, dtype=np.float32) / 10)
    add_sound(_silent(path, 24), CD, [np.stack([tone, tone])], _never_stop)
    return SceneClip(path, 24, transition)


def test_sound_fades_with_the_picture(tmp_path: Path) -> None:
    """A fade goes through silence, a dissolve raises the new sound, and a cut is heard at once."""
    target = ClipTarget(tmp_path / "video.mp4", width=32, height=32, fps=FPS)
    loudness = {}
    for transition in Transition:
        scenes = [_humming(tmp_path / "0.mp4", Transition.CUT), _humming(tmp_path / "1.mp4", transition)]
        assemble(scenes, target, _never_stop)
        loudness[transition] = _loudness(target.path)
    assert loudness[Transition.CUT].min() > 0.4
    faded, dissolved = loudness[Transition.FADE], loudness[Transition.DISSOLVE]
    assert faded[23] < 0.1 < 0.2 < faded[20] < faded[16]
    assert dissolved[23] > 0.4
    for found in (faded, dissolved):
        assert found[24] < 0.15 < 0.2 < found[27] < found[31]
        assert found[33:].min() > 0.4


def test_the_same_sound_gives_the_same_bytes(tmp_path: Path) -> None:
    """Without any vector instruction the sound of scenes is joined and encoded to the same bytes."""
    library = loaded_library("libavutil")
    if library is None:
        pytest.skip("the libraries of FFmpeg are linked in another way here")
    noise = np.random.default_rng(1).uniform(-0.8, 0.8, (2, CD.samples_before(24, FPS))).astype(np.float32)

    def joined(name: str) -> bytes:
        folder = tmp_path / name
        folder.mkdir()
        scenes = []
        for number in range(2):
            path = _silent(folder / f"{number}.mp4", 24)
            add_sound(path, CD, [noise], _never_stop)
            scenes.append(SceneClip(path, 24, Transition.DISSOLVE if number else Transition.CUT))
        assemble(scenes, ClipTarget(folder / "video.mp4", width=32, height=32, fps=FPS), _never_stop)
        return (folder / "video.mp4").read_bytes()

    usual = joined("usual")
    flags = library.av_get_cpu_flags()
    library.av_force_cpu_flags(0)
    try:
        assert joined("plain") == usual
    finally:
        library.av_force_cpu_flags(flags)


def test_sound_that_is_missing_or_short_is_refused(tmp_path: Path) -> None:
    """A video whose sound is not there, not expected, or not as long as its frames is no result."""
    path = _silent(tmp_path / "scene.mp4", 24)
    with pytest.raises(MediaInvalid, match="has no sound"):
        _verified(path, 24)
    add_sound(path, CD, [silence(CD, CD.rate // 2)], _never_stop)
    with pytest.raises(
        MediaInvalid, match=r"the sound lasts from 0\.000 to 0\.511 s, and the frames to 1\.000 s"
    ):
        _verified(path, 24)
    with pytest.raises(MediaInvalid, match="has sound"):
        _verified(path, 24, has_sound=False)


def test_a_cancelled_job_leaves_no_half_of_its_sound(tmp_path: Path) -> None:
    """What `check` raises ends the copy, and the file is as before."""
    path = _silent(tmp_path / "scene.mp4", 24)
    before = path.read_bytes()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_sound(path, CD, [silence(CD, CD.rate)], stop)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]
    assert sound_format_of(path) is None
