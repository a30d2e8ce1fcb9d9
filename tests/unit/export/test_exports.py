"""Exports: every frame, the right times, the same bytes; and the process that makes them, with its ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from kinolog_worker.media.container_tags import ContainerTags, write_tags
from kinolog_worker.media.encoder import ClipEncoder
from kinolog_worker.media.encoder_settings import VideoEncoding
from kinolog_worker.media.frames import decoded_frames
from kinolog_worker.media.sound.samples import silence
from kinolog_worker.media.sound.sound_format import SoundFormat
from kinolog_worker.media.sound.track import add_sound
from PIL import Image

from kinolog.models.codecs import SOFTWARE_CODECS, VideoCodec
from kinolog.ports.artifacts import ArtifactDamaged
from kinolog_export import exporter_process
from kinolog_export.animation import write_animation
from kinolog_export.exporter_process import ExportFailed, ExportNotInstalled, check_installed, exported
from kinolog_export.formats import ExportFormat
from kinolog_export.pictures import write_pictures
from kinolog_export.sprite_sheet import write_sprite_sheet
from tests.builders.frames import textured_frames

in_a_process = pytest.mark.slow  # starts one

WIDTH, HEIGHT = 48, 32


def video(path: Path, frames: int, fps: int, codec: VideoCodec = VideoCodec.H264) -> bytes:
    """Return a tagged video with sound and two chapters, as the worker makes them."""
    with ClipEncoder(path, width=WIDTH, height=HEIGHT, fps=fps, encoding=VideoEncoding(codec)) as encoder:
        encoder.write(textured_frames(frames, WIDTH, HEIGHT))
    sound = SoundFormat(24_000, 2)
    add_sound(path, sound, [silence(sound, sound.samples_before(frames, fps))], lambda: None)
    lengths = (1, frames - 1) if frames > 1 else (1,)
    write_tags(path, ContainerTags(title="t", comment="c", fps=fps, scene_frames=lengths), lambda: None)
    return path.read_bytes()


async def in_chunks(content: bytes) -> AsyncIterator[bytes]:
    """Yield a file as the artifact store does."""
    for start in range(0, len(content), 10_000):
        yield content[start : start + 10_000]


async def export(content: bytes, export_format: ExportFormat) -> bytes:
    """Return a whole export, by the process."""
    return b"".join([chunk async for chunk in exported(in_chunks(content), export_format)])


class _OutputPipe(BytesIO):
    """Takes bytes as a pipe does: one after the other."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise OSError("a pipe has no places")

    tell = seek


def written(content: bytes, export_format: ExportFormat) -> bytes:
    """Return a whole export, written by this process."""
    target = _OutputPipe()
    if export_format is ExportFormat.PNG:
        write_pictures(BytesIO(content), target)
    elif export_format is ExportFormat.SPRITE_SHEET:
        write_sprite_sheet(BytesIO(content), target)
    else:
        write_animation(BytesIO(content), target, export_format)
    return target.getvalue()


def times_of(animation: bytes) -> list[int]:
    """Return the milliseconds at which each frame of an animation ends."""
    with Image.open(BytesIO(animation)) as image:
        durations = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()
            durations.append(round(image.info["duration"]))
    return list(accumulate(durations))


def pictures_of(archive: bytes) -> list[np.ndarray]:
    """Return the frames of an archive of PNG files."""
    with ZipFile(BytesIO(archive)) as pictures:
        assert pictures.namelist() == [f"frame-{index:05}.png" for index in range(len(pictures.namelist()))]
        return [np.asarray(Image.open(BytesIO(pictures.read(name)))) for name in pictures.namelist()]


@pytest.mark.parametrize("codec", SOFTWARE_CODECS)
def test_pictures_are_the_frames(tmp_path: Path, codec: VideoCodec) -> None:
    """Each frame of a video of any codec is one picture, converted as the worker converts it, and in its colours."""
    content = video(tmp_path / "video.mp4", 9, 8, codec)
    pictures = np.stack(pictures_of(written(content, ExportFormat.PNG)))
    assert np.array_equal(pictures, np.stack(list(decoded_frames(tmp_path / "video.mp4"))))
    drawn = textured_frames(9, WIDTH, HEIGHT).astype(int)
    assert np.abs(pictures.mean(axis=(1, 2)) - drawn.mean(axis=(1, 2))).max() < 4


@pytest.mark.parametrize("export_format", [ExportFormat.GIF, ExportFormat.WEBP])
@pytest.mark.parametrize(("frames", "fps"), [(9, 8), (9, 16), (11, 30), (11, 50)])
def test_every_frame_has_its_time(tmp_path: Path, export_format: ExportFormat, frames: int, fps: int) -> None:
    """Every frame ends when it does in the video, to the unit of time of the format."""
    content = video(tmp_path / "video.mp4", frames, fps)
    animation = written(content, export_format)
    unit = 10 if export_format is ExportFormat.GIF else 1
    ends = times_of(animation)
    assert len(ends) == frames
    assert all(abs(end - 1000 * (index + 1) / fps) <= unit for index, end in enumerate(ends))
    with Image.open(BytesIO(animation)) as image:
        assert (image.format, image.size, image.info["loop"]) == (export_format.upper(), (WIDTH, HEIGHT), 0)


def test_a_fast_gif_leaves_frames_out_and_keeps_its_length(tmp_path: Path) -> None:
    """Browsers show a GIF of more than 50 frames a second slowly, so every second frame of 60 is left out."""
    content = video(tmp_path / "video.mp4", 12, 60)
    assert len(ends := times_of(written(content, ExportFormat.GIF))) == 6
    assert abs(ends[-1] - 200) <= 10
    assert len(times_of(written(content, ExportFormat.WEBP))) == 12


@pytest.mark.parametrize(("frames", "step", "cells"), [(9, 1, 9), (64, 1, 64), (65, 2, 33), (150, 4, 38)])
def test_a_sprite_sheet_has_frames_evenly_apart(tmp_path: Path, frames: int, step: int, cells: int) -> None:
    """At most 64, in rows of eight, from the first one on."""
    content = video(tmp_path / "video.mp4", frames, 8)
    with Image.open(BytesIO(written(content, ExportFormat.SPRITE_SHEET))) as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (8 * WIDTH, -(-cells // 8) * HEIGHT))
        colours = np.asarray(sheet).astype(int)
    drawn = list(decoded_frames(tmp_path / "video.mp4"))[::step]
    assert len(drawn) == cells
    for index, frame in enumerate(drawn):
        top, left = index // 8 * HEIGHT, index % 8 * WIDTH
        cell = colours[top : top + HEIGHT, left : left + WIDTH]
        assert np.abs(cell.mean(axis=(0, 1)) - frame.mean(axis=(0, 1))).max() < 4


@pytest.mark.parametrize("export_format", ExportFormat)
def test_a_video_of_one_frame(tmp_path: Path, export_format: ExportFormat) -> None:
    """One frame is an export too."""
    found = written(video(tmp_path / "video.mp4", 1, 8), export_format)
    if export_format is ExportFormat.PNG:
        assert len(pictures_of(found)) == 1
    else:
        assert Image.open(BytesIO(found)).size == (WIDTH, HEIGHT)


@in_a_process
@pytest.mark.parametrize("export_format", ExportFormat)
async def test_the_process_writes_the_same_bytes(tmp_path: Path, export_format: ExportFormat) -> None:
    """The process, which reads and writes pipes, makes the same export of the same video."""
    content = video(tmp_path / "video.mp4", 9, 8)
    assert await export(content, export_format) == written(content, export_format)


@in_a_process
async def test_a_video_that_cannot_be_decoded(tmp_path: Path) -> None:
    """A file that is no whole video fails the export, and so does the end of the process."""
    whole = video(tmp_path / "video.mp4", 9, 8)
    for content in (b"", whole[: len(whole) // 2]):
        with pytest.raises(ExportFailed, match="could not be exported as gif"):
            await export(content, ExportFormat.GIF)


@in_a_process
async def test_an_error_of_the_store_is_the_reason(tmp_path: Path) -> None:
    """If the video cannot be read to its end, the error says so, and not that its half cannot be decoded."""
    whole = video(tmp_path / "video.mp4", 9, 8)

    async def damaged() -> AsyncIterator[bytes]:
        yield whole[:1000]
        raise ArtifactDamaged("jobs/a/b.mp4")

    with pytest.raises(ArtifactDamaged):
        _ = [chunk async for chunk in exported(damaged(), ExportFormat.GIF)]


@in_a_process
async def test_a_process_that_works_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """While there are no bytes, empty chunks come, and leaving ends the process."""
    monkeypatch.setattr(exporter_process, "WORKING_SECONDS", 0.01)
    gone = asyncio.Event()
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def start_observed(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        started.append(await start(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_observed)

    async def stalled() -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            gone.set()

    async with aclosing(exported(stalled(), ExportFormat.WEBP)) as chunks:
        assert [await anext(chunks), await anext(chunks)] == [b"", b""]
    assert gone.is_set()
    assert [process.returncode for process in started] == [-signal.SIGKILL]


@in_a_process
async def test_an_export_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says so, and not that the video cannot be exported."""
    monkeypatch.setattr(exporter_process, "LONGEST_SECONDS", 0.05)

    async def stalled() -> AsyncIterator[bytes]:
        yield b""
        await asyncio.Event().wait()

    with pytest.raises(ExportFailed, match="was not read to its end within"):
        _ = [chunk async for chunk in exported(stalled(), ExportFormat.GIF)]


async def test_no_setting_and_no_secret_reaches_the_process() -> None:
    """The process gets what Python needs to start."""
    environment = {"PATH": "/bin", "KINOLOG_DATABASE_URL": "secret", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert exporter_process._environment(environment) == {"PATH": "/bin"}


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An api without the libraries says what to install, before it starts a process."""
    check_installed()
    monkeypatch.setattr(exporter_process, "LIBRARIES", ("av", "a_library_that_is_not_there"))
    with pytest.raises(
        ExportNotInstalled, match=r"need a_library_that_is_not_there: install kinolog\[export\]"
    ):
        check_installed()
