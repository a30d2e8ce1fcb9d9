"""The video of a job: downloaded when the tab opens, decoded on a thread, played here, opened or saved elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from kinolog_client import GatewayError, JobInfo
from kinolog_tui.downloads import JobErased
from kinolog_tui.graphics.clip_decoder import DecodedClip, DecodeFailed, PixelBox, decode
from kinolog_tui.screens.dialogs.save import SaveDialog
from kinolog_tui.screens.job.job_tab import JobTab
from kinolog_tui.session.background import start_work
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.session.request_failure import RequestFailure
from kinolog_tui.text.display_text import short_path, size
from kinolog_tui.widgets.job.player import Player

Purpose: TypeAlias = Literal["play", "open", "save"]
"""What a download is for. Failures of one carry it as their key."""


@dataclass(frozen=True, slots=True)
class DownloadStatus:
    """A text to show in place of the video."""

    text: str


@dataclass(frozen=True, slots=True)
class DownloadedVideo:
    """A complete file in the temporary folder; `clip` is its decoded pictures for `box`, only to play it."""

    file: Path
    clip: DecodedClip | None
    box: PixelBox
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class SavedVideo:
    """The video at the path that the person chose."""

    file: Path


@dataclass(frozen=True, slots=True)
class FittedClip:
    """The clip that is shown, decoded again for another box."""

    clip: DecodedClip
    box: PixelBox


@dataclass(frozen=True, slots=True)
class DecodedPreview:
    """A preview of the running job, and the box that it was decoded for."""

    clip: DecodedClip
    box: PixelBox


class VideoTab(JobTab):
    """The player, with previews until the video exists."""

    def __init__(self, job_id: str) -> None:
        self._player = Player()
        super().__init__(job_id, "Video", "video", self._player)
        self._video: str | None = None
        """Path of the video at the gateway; None while there is none."""
        self._shows_preview = False
        self._preview = b""
        """The last preview image."""

    def show_job(self, job: JobInfo) -> None:
        """Its video may exist now, or may be erased."""
        super().show_job(job)
        self.kinolog.downloads.forget(job)
        self._video = job.links.video
        if job.erased:
            self._preview, self._shows_preview = b"", False
        if self._video is None and not self._shows_preview:
            self._player.show_message(_why_no_video(job))
        elif self.is_open:
            self._play()

    def show_open(self) -> None:
        """Focus the player, and play the video if it exists."""
        self._player.focus()
        self.call_after_refresh(self._play)  # the player has its size then, and the video is decoded for it

    def fit(self) -> None:
        """Fit the video if the terminal or the kind of graphics changed meanwhile."""
        if self.is_open:
            self._player.check_box()

    def on_player_box_changed(self) -> None:
        """Decode what is shown for the new size. While a window is dragged, a newer size cancels an older one."""
        source = self._preview if self._shows_preview else self._file
        box = self._player.box()

        async def work() -> None:
            try:
                clip = await asyncio.to_thread(decode, source, box)
            except DecodeFailed:
                return  # the clip for the old size stays
            self.post_message(RequestAnswered("fit", FittedClip(clip, box)))

        start_work(self, work, "fit")

    def hide_pixels(self) -> None:
        """Another screen covers the player."""
        self._player.clear_pixels()

    def show_preview(self, image: bytes) -> None:
        """Decode and show a preview image of the running job."""
        box = self._player.box()
        self._preview = image

        async def work() -> None:
            try:
                clip = await asyncio.to_thread(decode, image, box)
            except DecodeFailed:
                return  # a later preview may be readable
            self.post_message(RequestAnswered("preview", DecodedPreview(clip, box)))

        start_work(self, work, "preview")

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show a download's progress, the video or a preview, or report the file. Of an erased job nothing is shown."""
        match message.value:
            case SavedVideo(file=file):
                self.notify(short_path(file), title="Saved")
            case _ if self.kinolog.downloads.is_erased(self.job_id):
                pass
            case DownloadStatus(text=text):
                self._player.show_message(text)
            case DecodedPreview(clip=clip, box=box) if self._video is None:
                self._shows_preview = True
                self._player.show(clip, box, play=False, label="the work so far")
            case FittedClip(clip=clip, box=box) if self._player.clip is not None:
                self._player.fit(clip, box)
            case DownloadedVideo(clip=DecodedClip() as clip, box=box):
                self._player.show(clip, box, play=True)
                self._player.check_box()
            case DownloadedVideo(file=file, purpose=purpose) if self.app.is_web:
                self.app.deliver_binary(
                    file,
                    open_method="browser" if purpose == "open" else "download",
                    mime_type="video/mp4",
                )
            case DownloadedVideo(file=file, purpose="open"):
                self.app.open_url(file.as_uri())
                self.notify(f"{file.name} is handed to the system's player")

    def on_request_failed(self, message: RequestFailed) -> None:
        """Show in the player why there is no video to play. Other failures become a message."""
        if message.key == "play":
            message.prevent_default()  # no message
        if message.key == "play" and not self.kinolog.downloads.is_erased(self.job_id):
            self._player.show_message(f"{message.failure.text} {{job.video}} tries again.")

    def open_elsewhere(self) -> None:
        """Open the video in the system's player."""
        if self._has_video():
            self._download("open")

    def save(self) -> None:
        """Save the video at a path that the person chooses."""

        def chosen(path: str | None) -> None:
            if path:
                self._download("save", Path(path).expanduser())

        if not self._has_video():
            return
        if self.app.is_web:  # the browser asks for the path
            self._download("save")
        else:
            self.app.push_screen(SaveDialog("Save the video", f"{self.job_id}.mp4"), chosen)

    @property
    def _file(self) -> Path:
        return self.kinolog.downloads.file(self.job_id, ".mp4")

    def _has_video(self) -> bool:
        if self._video is None:
            self.notify("It has no video (yet).", severity="warning")
        return self._video is not None

    def _play(self) -> None:
        """Download and play the video, unless it is shown already."""
        if self.is_open and self._video is not None and (self._player.clip is None or self._shows_preview):
            self._shows_preview = False
            self._player.show_message("fetching the video …")
            self._download("play")

    def _download(self, purpose: Purpose, target: Path | None = None) -> None:
        """Download to `target`, else once to the temporary folder; for `play`, decode the file too."""
        box, downloads, client = self._player.box(), self.kinolog.downloads, self.kinolog.client
        if self._video is None:
            return

        async def work() -> None:
            try:
                answer = await (fetch() if target is None else save(target))
            except JobErased:
                return  # the page shows it
            except GatewayError as error:
                self.post_message(RequestFailed(purpose, RequestFailure.of(error)))
            except DecodeFailed as error:
                self.post_message(RequestAnswered(purpose, DownloadStatus(str(error))))
            except OSError as error:
                self.post_message(RequestFailed(purpose, RequestFailure.of_file(error)))
            else:
                self.post_message(RequestAnswered(purpose, answer))

        async def fetch() -> DownloadedVideo:
            on_progress = self._show_received if purpose == "play" else None
            file = await downloads.fetch(client, self.job_id, ".mp4", "video", on_progress=on_progress)
            clip = await asyncio.to_thread(decode, file, box) if purpose == "play" else None
            return DownloadedVideo(file, clip, box, purpose)

        async def save(target: Path) -> SavedVideo:
            downloads.check(self.job_id)
            try:
                return SavedVideo(await client.download(self.job_id, target))
            except (GatewayError, OSError):
                downloads.check(self.job_id)  # an erasure meanwhile is the cause
                raise

        start_work(self, work, "video")

    def _show_received(self, done: int, total: int | None) -> None:
        """Show the progress of a download in the player."""
        if total:
            text = f"fetching the video … {size(done)} of {size(total)}"
            self.post_message(RequestAnswered("play", DownloadStatus(text)))


def _why_no_video(job: JobInfo) -> str:
    if job.erased:
        return "The video is erased."
    if job.ended:
        words = "it failed" if job.status == "failed" else f"it was {job.status}"
        return f"The job has no video: {words}."
    return "No picture yet: it comes while the job renders."
