"""Pictures of the scenes of a job: fetched when the storyboard is looked at, a picture from the middle of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from textual.widgets import TabbedContent

from kinolog_client.jobs import SceneInfo
from kinolog_client.rest import GatewayFailure
from kinolog_tui.graphics.clip_decoder import DecodeFailed, Picture, decode
from kinolog_tui.screens.page import Page
from kinolog_tui.session.background import start_work
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.widgets.job.scenes import THUMBNAIL, SceneList

MOST_SCENES = 40


@dataclass(frozen=True, slots=True)
class Sketched:
    """A picture of a scene."""

    index: int
    picture: Picture


class ScenesTab(Page):
    """What the page of a job does with its storyboard."""

    job_id: str

    def sketch(self) -> None:
        """Fetch pictures of the rendered scenes that have none yet, one after the other, while they are looked at."""
        scenes = self.query_one(SceneList)
        missing = [
            scene
            for scene in scenes.scenes[:MOST_SCENES]
            if (scene.thumbnail or scene.video) and scene.index not in scenes.pictures
        ]
        if missing and self.query_one(TabbedContent).active == "scenes":
            start_work(self, partial(self._sketch, missing), "sketch")

    async def _sketch(self, scenes: list[SceneInfo]) -> None:
        for scene in scenes:
            file = self.kinolog.scratch / f"{self.job_id}-{scene.index}"
            try:
                async for _ in self.kinolog.rest.download(scene.thumbnail or scene.video or "", file):
                    pass
                clip = await asyncio.to_thread(decode, file, THUMBNAIL)
            except (GatewayFailure, DecodeFailed, OSError):
                continue  # the storyboard says everything without its pictures
            middle = clip.pictures[len(clip.pictures) // 2]
            self.post_message(RequestAnswered("sketch", Sketched(scene.index, middle)))

    def sketched(self, sketched: Sketched) -> None:
        """Show a picture."""
        scenes = self.query_one(SceneList)
        scenes.pictures[sketched.index] = sketched.picture
        scenes.draw()
