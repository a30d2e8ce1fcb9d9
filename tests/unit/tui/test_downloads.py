"""The files that the dashboard downloads: an erased job leaves none, nor does a dashboard that was killed."""

from __future__ import annotations

import errno
import fcntl
import shutil
import stat
import tempfile
from copy import deepcopy
from pathlib import Path
from threading import Event

import pytest
from kinolog_tui.downloads import PREFIX, DownloadFolder, JobErased, remove_dead_folders
from kinolog_tui.graphics.clip_decoder import DecodedClip, Picture, PixelBox, decode
from kinolog_tui.screens.job.side_panel import JobSidePanel, JobThumbnail
from kinolog_tui.screens.job.video_tab import DecodedPreview, DownloadedVideo, VideoTab
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.widgets.job.player import Player
from textual.pilot import Pilot

from kinolog.process_folders import LOCK
from kinolog_client import AsyncKinologClient, JobInfo
from tests.fixtures.flushes import Flushes
from tests.snapshot.dashboard_pilot import app_of, dashboard, press, settled, text, until
from tests.snapshot.replay import FOLDER, Json, Replay, recorded, requests_of

JOB_ID = recorded()["made"]
FILM: Json = recorded()["answers"][f"/api/v1/status/{JOB_ID}"]


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
            assert len(requests_of(gateway, "GET", f"/api/v1/result/{JOB_ID}/thumbnail")) == 1
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


async def test_a_folder_that_a_cleaner_deleted_is_made_again(gateway: Replay) -> None:
    """An erasure without the folder is no error, and the next file has a new folder of this user alone."""
    downloads = DownloadFolder()
    try:
        async with AsyncKinologClient(gateway.url, retries=0) as client:
            before = downloads.path
            shutil.rmtree(before)
            before.symlink_to(Path(__file__).parent)  # another user took the name
            downloads.forget(JobInfo.model_validate(erased_film()))
            file = await downloads.fetch(client, "other", "-thumbnail", "thumbnail")
            before.unlink()
            downloads.forget(JobInfo.model_validate(erased_film()))
        assert file.parent == downloads.path != before
        assert stat.S_IMODE(downloads.path.stat().st_mode) == 0o700
        remove_dead_folders(downloads.path.parent)
        assert file.exists()  # this folder is locked too
        shutil.rmtree(downloads.path)
        downloads.forget(JobInfo.model_validate(erased_film()))
        assert downloads.open().is_dir()
    finally:
        downloads.close()
    assert not downloads.path.exists()


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_is_enough(reason: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without locks the folder exists, and no other dashboard finds it."""

    def refuse(*_: object) -> None:
        raise OSError(reason, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    downloads = DownloadFolder()
    assert list(downloads.path.iterdir()) == []
    downloads.close()
    assert not downloads.path.exists()


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
async def test_the_first_page_waits_for_no_folder_of_a_dead_dashboard(
    gateway: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders of killed dashboards may hold long videos: they are deleted when the first page is there."""
    temporary = tmp_path / "temporary"
    dead = temporary / f"{PREFIX}dead"
    dead.mkdir(parents=True)
    (dead / LOCK).touch()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    DownloadFolder().close()
    assert dead.exists()
    async with dashboard(gateway.url, tmp_path) as pilot:
        await until(pilot, lambda: not dead.exists())
        assert app_of(pilot).downloads.path.parent == temporary


@pytest.mark.slow
async def test_an_erasure_deletes_the_thumbnail_beside_the_list(gateway: Replay, tmp_path: Path) -> None:
    """When the erasure of the selected job arrives, its thumbnail leaves the folder and the memory."""
    page = gateway.answers["/api/v1/jobs?limit=50"]
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


@pytest.mark.slow
async def test_an_erasure_survives_the_loss_of_the_folder(gateway: Replay, pilot: Pilot[None]) -> None:
    """The dashboard goes on when its folder is gone at an erasure."""
    app = app_of(pilot)
    shutil.rmtree(app.downloads.path)
    await _erase(gateway)
    await until(pilot, lambda: app.downloads.is_erased(JOB_ID))
    await press(pilot, "2")
    assert app.temporary_folder.is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("key", ["v", "o"], ids=["to play", "to open"])
async def test_an_erasure_during_the_download_is_no_failure(
    gateway: Replay, pilot: Pilot[None], key: str
) -> None:
    """The player says that the video is erased, no message names a file, and the video is not requested again."""
    app, path = app_of(pilot), f"/api/v1/result/{JOB_ID}/video"
    app.open_job(JOB_ID)
    await settled(pilot)
    answer = gateway.hold(path)
    await pilot.press(key)
    await gateway.until(lambda: requests_of(gateway, "GET", path))
    tab = app.screen.query_one(VideoTab)
    await until(pilot, lambda: files_of(app.downloads.path, JOB_ID))
    await _erase(gateway)
    await until(pilot, lambda: tab.job is not None and tab.job.erased)
    answer.set()
    await settled(pilot)
    assert tab.query_one(Player).message == "The video is erased."
    assert app.messages.latest == []
    assert files_of(app.downloads.path, JOB_ID) == []
    assert len(requests_of(gateway, "GET", path)) == 1


@pytest.mark.slow
async def test_a_full_disk_is_named_in_the_player(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was not chosen, so no other place is asked for."""
    app = app_of(pilot)
    app.open_job(JOB_ID)
    await settled(pilot)

    def refuse() -> Path:
        raise OSError(errno.ENOSPC, "no space left", "/tmp/kinolog-tui")

    monkeypatch.setattr(app.downloads, "open", refuse)
    await press(pilot, "v")
    assert "/tmp/kinolog-tui cannot be written: no space left. v tries again." in text(pilot)
    assert app.messages.latest == []


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True], ids=["while it is decoded", "before the answer is shown"])
async def test_an_erasure_before_a_video_is_shown(
    gateway: Replay, pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """A video that is decoded when its job is erased is never shown, nor is a picture of it."""
    app = app_of(pilot)
    held = HeldDecoder()
    monkeypatch.setattr("kinolog_tui.screens.job.video_tab.decode", held)
    app.open_job(JOB_ID)
    await settled(pilot)
    tab = app.screen.query_one(VideoTab)
    player = tab.query_one(Player)
    try:
        await pilot.press("v")
        await until(pilot, held.started.is_set)
        await _erase(gateway)
        await until(pilot, lambda: tab.job is not None and tab.job.erased)
    finally:
        held.goes_on.set()
    await settled(pilot)
    if late:
        clip, box = decode(FOLDER / "film.mp4", PixelBox(10, 5)), PixelBox(10, 5)
        for value in (DownloadedVideo(FOLDER / "film.mp4", clip, box, "play"), DecodedPreview(clip, box)):
            tab.post_message(RequestAnswered("play", value))
        await settled(pilot)
    assert player.clip is None
    assert "The video is erased." in text(pilot)


@pytest.mark.slow
async def test_an_erasure_before_a_thumbnail_is_shown(gateway: Replay, tmp_path: Path) -> None:
    """A thumbnail that was decoded before the erasure is not kept, whichever job is selected by then."""
    page = gateway.answers["/api/v1/jobs?limit=50"]
    page["jobs"] = [job for job in page["jobs"] if job["job_id"] != JOB_ID]
    async with dashboard(gateway.url, tmp_path, (160, 40)) as pilot:
        await press(pilot, "2")
        app = app_of(pilot)
        panel = app.screen.query_one(JobSidePanel)
        answer = RequestAnswered("thumbnail", JobThumbnail(JOB_ID, Picture(1, 1, b"rgb")))
        panel.post_message(answer)
        await until(pilot, lambda: JOB_ID in app.downloads.pictures)
        app.downloads.forget(JobInfo.model_validate(erased_film()))
        assert JOB_ID not in app.downloads.pictures
        panel.post_message(answer)
        await settled(pilot)
        assert JOB_ID not in app.downloads.pictures


class HeldDecoder:
    """Decodes as usual, but only when `goes_on` is set."""

    def __init__(self) -> None:
        self.started, self.goes_on = Event(), Event()

    def __call__(self, source: Path | bytes, box: PixelBox) -> DecodedClip:
        """Read what is there now, and decode it later."""
        content = source.read_bytes() if isinstance(source, Path) else source
        self.started.set()
        self.goes_on.wait()
        return decode(content, box)


async def _erase(gateway: Replay) -> None:
    """Send the commit that erases the film."""
    film = erased_film()
    gateway.answers["/api/v1/jobs?limit=50"]["jobs"] = [film]
    gateway.answers[f"/api/v1/status/{JOB_ID}"] = film
    state = {"status": film["status"], "percent": film["percent"], "events": ["erased"], "job": film}
    await gateway.send("job_completed", film["position"], state, JOB_ID)
