"""The files that the dashboard downloads: an erased job leaves none, nor does a dashboard that was killed."""

from __future__ import annotations

import fcntl
from copy import deepcopy
from pathlib import Path

import pytest
from kinolog_tui.downloads import LOCK, PREFIX, DownloadFolder, JobErased, remove_dead_folders
from kinolog_tui.widgets.job.player import Player
from textual.pilot import Pilot

from kinolog_client import AsyncKinologClient, JobInfo
from tests.fixtures.flushes import Flushes
from tests.snapshot.dashboard_pilot import app_of, dashboard, press, settled, text, until
from tests.snapshot.replay import Json, Replay, recorded

JOB_ID = recorded()["made"]
FILM: Json = recorded()["answers"][f"/mcp/status/{JOB_ID}"]


def erased_film() -> Json:
    """Return the film as it is after its erasure."""
    return {
        **deepcopy(FILM),
        "erased": True,
        "prompt": None,
        "artifacts": [],
        "links": {},
        "version": FILM["version"] + 1,
        "position": 9_000,
    }


def files_of(folder: Path, job_id: str) -> list[str]:
    """Return the names of the files of a job."""
    return [file.name for file in folder.iterdir() if job_id in file.name]


async def test_a_download_of_an_erased_job_leaves_no_file(gateway: Replay) -> None:
    """Files are deleted with the erasure, also those whose download ends after it, and none is fetched again."""
    downloads = DownloadFolder()
    erased = JobInfo.model_validate(erased_film())
    try:
        async with AsyncKinologClient(gateway.url, retries=0) as client:
            file = await downloads.fetch(client, JOB_ID, "-thumbnail", "thumbnail")
            other = await downloads.fetch(client, "other", "-thumbnail", "thumbnail")
            assert file.exists()
            downloads.forget(JobInfo.model_validate(FILM))
            assert file.exists()
            downloads.forget(erased)
            assert files_of(downloads.path, JOB_ID) == []
            assert other.exists()
            with pytest.raises(JobErased):
                await downloads.fetch(client, JOB_ID, "-thumbnail", "thumbnail")
            assert files_of(downloads.path, JOB_ID) == []
    finally:
        downloads.close()
    assert not downloads.path.exists()


async def test_files_that_end_with_the_dashboard_are_not_flushed(gateway: Replay, flushes: Flushes) -> None:
    """No disk holds up the screen for a picture in a temporary folder; it is still whole or not there."""
    downloads = DownloadFolder()
    try:
        async with AsyncKinologClient(gateway.url, retries=0) as client:
            file = await downloads.fetch(client, JOB_ID, "-thumbnail", "thumbnail")
    finally:
        downloads.close()
    assert [each for each in flushes.paths if each[1].parent == downloads.path] == [("rename", file)]


def test_folders_of_dead_dashboards_are_deleted(tmp_path: Path) -> None:
    """A starting dashboard deletes the folders that no process holds, and leaves all others."""
    dead, living, other = (tmp_path / f"{PREFIX}{name}" for name in ("dead", "living", "other"))
    for folder in (dead, living, other):
        folder.mkdir()
        (folder / "picture").write_bytes(b"picture")
    (dead / LOCK).touch()
    (tmp_path / f"{PREFIX}link").symlink_to(other)
    with (living / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_dead_folders(tmp_path)
    assert not dead.exists()
    assert (living / "picture").exists()
    assert (other / "picture").exists()


@pytest.mark.slow
async def test_an_erasure_deletes_the_thumbnail_beside_the_list(gateway: Replay, tmp_path: Path) -> None:
    """When the erasure of the selected job arrives, its thumbnail leaves the folder and the memory."""
    page = gateway.answers["/mcp/jobs?limit=50"]
    page["jobs"] = [job for job in page["jobs"] if job["job_id"] == JOB_ID]
    async with dashboard(gateway.url, tmp_path, (160, 40)) as pilot:
        await press(pilot, "2")
        downloads = app_of(pilot).downloads
        await until(pilot, lambda: JOB_ID in downloads.pictures)
        assert files_of(downloads.path, JOB_ID)
        await _erase(gateway)
        await until(pilot, lambda: JOB_ID not in downloads.pictures)
        assert files_of(downloads.path, JOB_ID) == []


@pytest.mark.slow
async def test_an_erasure_ends_the_video_of_an_open_job(gateway: Replay, pilot: Pilot[None]) -> None:
    """The page of an erased job plays nothing any more, and its file is deleted."""
    app = app_of(pilot)
    app.open_job(JOB_ID)
    await settled(pilot)
    await press(pilot, "v")
    player = app.screen.query_one(Player)
    await until(pilot, lambda: player.clip is not None)
    assert files_of(app.downloads.path, JOB_ID)
    await _erase(gateway)
    await until(pilot, lambda: player.clip is None)
    assert "The video is erased." in text(pilot)
    assert files_of(app.downloads.path, JOB_ID) == []


async def _erase(gateway: Replay) -> None:
    """Send the commit that erases the film."""
    film = erased_film()
    gateway.answers["/mcp/jobs?limit=50"]["jobs"] = [film]
    gateway.answers[f"/mcp/status/{JOB_ID}"] = film
    state = {"status": film["status"], "percent": film["percent"], "events": ["erased"], "job": film}
    await gateway.send("job_completed", film["position"], state, JOB_ID)
