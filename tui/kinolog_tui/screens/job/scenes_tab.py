"""The scenes of a job, each with a thumbnail from its middle that is fetched while the tab is open.

Scenes of earlier versions have no thumbnail that is stored: their file is decoded.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Literal

from kinolog_client import GatewayError, JobInfo, SceneInfo, StoryboardInfo
from kinolog_tui.graphics.clip_decoder import DecodeFailed, Picture, decode
from kinolog_tui.screens.job.job_tab import JobTab
from kinolog_tui.session.background import start_work
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.widgets.job.scenes import THUMBNAIL, SceneList
from kinolog_tui.widgets.scroll_area import ScrollArea

MAX_THUMBNAILS = 40


@dataclass(frozen=True, slots=True)
class SceneThumbnail:
    """The decoded picture of the scene `index`, which counts from 0, as an attempt rendered it."""

    attempt: int
    index: int
    picture: Picture


class ScenesTab(JobTab):
    """The storyboard."""

    LOAD_KEY = "storyboard"

    def __init__(self, job_id: str) -> None:
        self._scenes = SceneList()
        self._scroll = ScrollArea(self._scenes)
        super().__init__(job_id, "Scenes", "scenes", self._scroll)

    def load(self) -> None:
        """Request the storyboard."""
        self.request(self.LOAD_KEY, partial(self.kinolog.client.storyboard, self.job_id))

    def show_job(self, job: JobInfo) -> None:
        """Each attempt renders its own scenes, and an erased job has none."""
        before = self.job
        super().show_job(job)
        if job.erased:
            self._scenes.remove_thumbnails()
        elif before is None or before.attempt != job.attempt:
            self._scenes.remove_thumbnails()
            self._fetch_thumbnails()

    def show_open(self) -> None:
        """Focus the scenes, and fetch thumbnails that are missing."""
        self._scroll.focus()
        self._fetch_thumbnails()

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show the storyboard, or one more thumbnail."""
        match message.value:
            case StoryboardInfo(scenes=scenes):
                self._scenes.show(scenes, self._rendering_scene())
                self._fetch_thumbnails()
            case SceneThumbnail(attempt=attempt, index=index, picture=picture) if self._shows_attempt(
                attempt
            ):
                self._scenes.show_thumbnail(index, picture)

    def _shows_attempt(self, attempt: int) -> bool:
        is_erased = self.kinolog.downloads.is_erased(self.job_id)
        return self.job is not None and self.job.attempt == attempt and not is_erased

    def _rendering_scene(self) -> int | None:
        return self.job.scene if self.job is not None and not self.job.ended else None

    def _fetch_thumbnails(self) -> None:
        """Fetch thumbnails of rendered scenes that have none, one after the other, while the tab is open."""
        if self.job is None:
            return  # the attempt is not known yet
        missing = [
            scene
            for scene in self._scenes.scenes[:MAX_THUMBNAILS]
            if scene.video and scene.index not in self._scenes.thumbnails
        ]
        if missing and self.is_open:
            start_work(self, partial(self._fetch_each, self.job.attempt, missing), "thumbnails")

    async def _fetch_each(self, attempt: int, scenes: list[SceneInfo]) -> None:
        for scene in scenes:
            downloads, client = self.kinolog.downloads, self.kinolog.client
            name = f"-{attempt}-{scene.index}"
            try:
                kind: Literal["scene", "scene_thumbnail"] = "scene_thumbnail" if scene.thumbnail else "scene"
                file = await downloads.fetch(client, self.job_id, name, kind, scene.index)
                clip = await asyncio.to_thread(decode, file, THUMBNAIL)
            except (GatewayError, DecodeFailed, OSError):
                continue  # the storyboard is complete without thumbnails
            middle = clip.pictures[len(clip.pictures) // 2]
            self.post_message(RequestAnswered("thumbnail", SceneThumbnail(attempt, scene.index, middle)))
