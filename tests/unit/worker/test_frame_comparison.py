"""The frames of a video against those of the one that it reproduces."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_worker.attempt.originals.reproduced_job import NO_ROOM, ReproducedJob
from kinolog_worker.media.comparison import frame_comparison
from kinolog_worker.media.comparison.frame_comparison import (
    EQUAL,
    OTHER_FORMAT,
    UNREADABLE,
    OriginalVideo,
    compare_with,
)
from kinolog_worker.media.encoder import ClipEncoder
from kinolog_worker.media.frames import Frames

from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.builders.frames import textured_frames
from tests.builders.memory_jobs import MemoryJobs

CLIP = textured_frames(6, 64, 48)


def _video(path: Path, clip: Frames) -> Path:
    with ClipEncoder(path, width=clip.shape[2], height=clip.shape[1], fps=8) as encoder:
        encoder.write(clip)
    return path


def _original(path: Path, frame_hash: str = "of the original") -> OriginalVideo:
    return OriginalVideo(path=path, frame_hash=frame_hash)


def test_frames_that_differ(tmp_path: Path) -> None:
    """The figures are those of all frames, and the first that differs is named. Equal frames have none."""
    changed = CLIP.copy()
    changed[4:, :16, :16] //= 2
    one, same, other = (
        _video(tmp_path / name, clip) for name, clip in (("a.mp4", CLIP), ("b.mp4", CLIP), ("c.mp4", changed))
    )
    assert compare_with(_original(same), one, "of the video") == EQUAL
    found = compare_with(_original(other), one, "of the video").comparison
    assert found is not None
    assert 1 <= found.different_frames <= len(CLIP) - found.first_frame
    assert 15 < found.psnr_db < 45
    assert 0.5 < found.ssim < 1
    worse = changed.copy()
    worse[4:] //= 2
    much = compare_with(_original(_video(tmp_path / "d.mp4", worse)), one, "of the video").comparison
    assert much is not None
    assert (much.psnr_db, much.ssim) < (found.psnr_db, found.ssim)


def test_equal_hashes_are_not_decoded(tmp_path: Path) -> None:
    """There is no file to decode here."""
    missing = tmp_path / "missing.mp4"
    assert compare_with(_original(missing, "same"), missing, "same") == EQUAL
    assert compare_with(None, missing, "same") == EQUAL


@pytest.mark.parametrize("clip", [CLIP[:4], textured_frames(6, 32, 48)], ids=["length", "size"])
def test_another_format_is_said(tmp_path: Path, clip: Frames) -> None:
    original = _original(_video(tmp_path / "a.mp4", clip))
    assert compare_with(original, _video(tmp_path / "b.mp4", CLIP), "of the video").trouble == OTHER_FORMAT


def test_a_file_that_is_no_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    video = _video(tmp_path / "b.mp4", CLIP)
    assert compare_with(_original(tmp_path / "a.mp4"), video, "of the video").trouble == UNREADABLE


def test_a_filter_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with the comparison, the job is completed."""

    def graph() -> None:
        raise ValueError("no filter psnr")

    monkeypatch.setattr(frame_comparison, "Graph", graph)
    video = _video(tmp_path / "a.mp4", CLIP)
    assert compare_with(_original(video), video, "of the video").trouble == UNREADABLE


async def test_an_original_without_room_fails_no_job(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its video cannot be written: there is nothing to compare with."""
    jobs = MemoryJobs()
    job_id = await jobs.submit()
    await jobs.complete(job_id)
    original = ReproducedJob(jobs.store, MemoryArtifacts(), job_id)
    assert await original.fetch(tmp_path / "missing") is None
    assert NO_ROOM in caplog.text
