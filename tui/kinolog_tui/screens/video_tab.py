"""The video of a job: fetched when it is looked at, decoded on a thread, played here, opened or saved elsewhere."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import TabbedContent

from kinolog_client.jobs import JobInfo
from kinolog_client.rest import GatewayFailure
from kinolog_tui.graphics.clip_decoder import DecodedClip, DecodeFailed, PixelBox, decode
from kinolog_tui.screens.dialogs.save import SaveDialog
from kinolog_tui.screens.page import Page
from kinolog_tui.session.background import start_work
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text.display_text import size
from kinolog_tui.widgets.job.player import Player


@dataclass(frozen=True, slots=True)
class Fetching:
    """So many bytes of a video are here."""

    words: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """The video is here; `clip` is None when only the file was wanted."""

    file: Path
    clip: DecodedClip | None
    box: PixelBox
    purpose: str


@dataclass(frozen=True, slots=True)
class PictureDecoded:
    """A picture of the work so far, and the box that it was decoded for."""

    clip: DecodedClip
    box: PixelBox


class VideoTab(Page):
    """What the page of a job does with its video."""

    BINDINGS: ClassVar[list[BindingType]] = []
    job_id: str
    job: JobInfo | None = None
    _video: str | None = None
    _previewed = False

    def video_of(self, job: JobInfo) -> None:
        """The job changed: its video may be there now, or gone."""
        self._video = job.links.video
        player = self.query_one(Player)
        if self._video is None and not self._previewed:
            player.show_message(_why_none(job))
        elif self.query_one(TabbedContent).active == "video" and (player.clip is None or self._previewed):
            self.fetch_video()

    def fetch_video(self) -> None:
        """Fetch and play it, unless it is here already."""
        player = self.query_one(Player)
        if self._video is not None and (player.clip is None or self._previewed):
            self._previewed = False
            player.show_message("fetching the video …")
            self._fetch("play")

    def show_picture(self, image: bytes) -> None:
        """Show what the running job looks like so far."""
        box = self.query_one(Player).box()

        async def work() -> None:
            try:
                clip = await asyncio.to_thread(decode, image, box)
            except DecodeFailed:
                return  # the next one may do
            self.post_message(RequestAnswered("picture", PictureDecoded(clip, box)))

        start_work(self, work, "picture")

    def video_answered(self, message: RequestAnswered) -> None:
        """What came of fetching."""
        player = self.query_one(Player)
        match message.value:
            case Fetching(words=words):
                player.show_message(words)
            case PictureDecoded(clip=clip, box=box) if self._video is None:
                self._previewed = True
                player.show(clip, box, play=False, label="the work so far")
            case Fetched(clip=DecodedClip() as clip, box=box):
                player.show(clip, box, play=True)
            case Fetched(file=file, purpose="open") if self.app.is_web:
                self.app.deliver_binary(file, open_method="browser", mime_type="video/mp4")
            case Fetched(file=file) if self.app.is_web:
                self.app.deliver_binary(file, mime_type="video/mp4")
            case Fetched(file=file, purpose="open"):
                self.app.open_url(file.as_uri())
                self.notify("Handed to the system's player.", title=file.name)
            case Fetched(file=file):
                self.notify(str(file), title="Saved", markup=False)
            case _:
                pass

    def action_open_outside(self) -> None:
        """Open the video in the system's player."""
        if self._has_video():
            self._fetch("open")

    def action_save_as(self) -> None:
        """Save the video where the person says."""

        def named(path: str | None) -> None:
            if path:
                self._fetch("save", Path(path).expanduser())

        if not self._has_video():
            return
        if self.app.is_web:  # the browser asks where
            self._fetch("save")
        else:
            self.app.push_screen(SaveDialog("Save the video", f"{self.job_id}.mp4"), named)

    def _has_video(self) -> bool:
        if self._video is None:
            self.notify("It has no video (yet).", severity="warning")
        return self._video is not None

    def _fetch(self, purpose: str, into: Path | None = None) -> None:
        path, box = self._video, self.query_one(Player).box()
        if path is None:
            return
        file = into or self.kinolog.scratch / f"{self.job_id}.mp4"

        async def work() -> None:
            try:
                if into is not None or not file.exists():
                    await self._download(path, file, tell=purpose == "play")
                clip = await asyncio.to_thread(decode, file, box) if purpose == "play" else None
            except GatewayFailure as trouble:
                self.post_message(RequestFailed("video" if purpose == "play" else purpose, trouble))
            except DecodeFailed as error:
                self.post_message(RequestAnswered("video", Fetching(str(error))))
            except OSError as error:
                denied = GatewayFailure(
                    f"{file} cannot be written: {error.strerror}.", "Choose another place.", 0
                )
                self.post_message(RequestFailed("save", denied))
            else:
                self.post_message(RequestAnswered("video", Fetched(file, clip, box, purpose)))

        start_work(self, work, "video")

    async def _download(self, path: str, file: Path, *, tell: bool) -> None:
        """Download beside the file first, so that what is there is whole."""
        part = file.with_name(f".{file.name}.part")
        try:
            async for done, of in self.kinolog.rest.download(path, part):
                if tell and of:
                    words = f"fetching the video … {size(done)} of {size(of)}"
                    self.post_message(RequestAnswered("video", Fetching(words)))
            os.replace(part, file)
        finally:
            part.unlink(missing_ok=True)


def _why_none(job: JobInfo) -> str:
    if job.erased:
        return "The video is erased."
    if job.ended:
        return f"There is no video: the job is {job.status}."
    return "No picture yet: it comes while the job renders."
