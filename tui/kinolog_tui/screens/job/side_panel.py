"""The selected job beside the list, on wide screens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Static

from kinolog_client import GatewayError, JobInfo, JobState
from kinolog_tui.graphics.clip_decoder import DecodeFailed, Picture, PixelBox, decode
from kinolog_tui.graphics.half_blocks import picture_text
from kinolog_tui.screens.request_owner import RequestOwner
from kinolog_tui.session.background import start_work
from kinolog_tui.session.job_progress import job_after, with_known_progress
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.widgets.job.job_details import JobFacts, JobHead, StageList
from kinolog_tui.widgets.scroll_area import ScrollArea

DELAY_SECONDS = 0.1
"""A job is requested when the cursor stands this long."""
PICTURE = PixelBox(54, 12)


@dataclass(frozen=True, slots=True)
class JobThumbnail:
    """The thumbnail of a job."""

    job_id: str
    picture: Picture


class JobSidePanel(RequestOwner, Vertical):
    """Head, prompt, thumbnail, stages and facts of one job. It requests what the list does not have."""

    def __init__(self) -> None:
        super().__init__(id="beside")
        self._job: JobInfo | None = None
        self._timer: Timer | None = None
        self._step: tuple[int, int] | None = None

    def compose(self) -> ComposeResult:
        """Everything in one column that scrolls by the mouse."""
        yield JobHead()
        area = ScrollArea(Static(id="prompt"), Static(id="picture"), StageList(), JobFacts())
        area.can_focus = False
        yield area

    def show(self, job: JobInfo | None) -> None:
        """Show the job under the cursor at once as the list has it, and request the rest soon."""
        self.set_class(job is None, "-empty")
        before = self._job if self._job is not None and job is not None and _same(self._job, job) else None
        if job is None:
            self._job = None
        elif before is None or before.version < job.version:
            self._step = self._step if before is not None else None
            self._draw(job)
            if self._timer is not None:
                self._timer.stop()
            self._timer = self.set_timer(DELAY_SECONDS, self._request_rest)
        elif before.version == job.version and job.queue_position not in (None, before.queue_position):
            # Commits of other jobs change its place.
            self._draw(before.model_copy(update={"queue_position": job.queue_position}))

    def patch(self, job_id: str, state: JobState) -> None:
        """Apply a live update."""
        if self._job is not None and self._job.job_id == job_id:
            self._step = (state.step, state.steps) if state.step is not None and state.steps else None
            self._draw(job_after(self._job, state))

    def redraw(self) -> None:
        """Draw in the colours of the theme."""
        if self._job is not None:
            self._draw(self._job)

    def _request_rest(self) -> None:
        if self._job is not None:
            self.request("selected", partial(self.kinolog.client.status, self._job.job_id))

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show the whole job, or its thumbnail."""
        match message.value:
            case JobInfo() as job if _same(self._job, job):
                self._draw(with_known_progress(job, self._job))
                self._fetch_thumbnail(job)
            case JobThumbnail(job_id=job_id, picture=picture) if not self.kinolog.downloads.is_erased(job_id):
                self.kinolog.downloads.pictures[job_id] = picture
                if self._job is not None and self._job.job_id == job_id:
                    self._draw(self._job)

    def on_request_failed(self, message: RequestFailed) -> None:
        """Keep what the list has. The list itself reports its failures."""
        message.prevent_default()

    def _fetch_thumbnail(self, job: JobInfo) -> None:
        downloads, client = self.kinolog.downloads, self.kinolog.client
        if job.links.thumbnail is None or job.job_id in downloads.pictures:
            return

        async def work() -> None:
            try:
                file = await downloads.fetch(client, job.job_id, "-thumbnail", "thumbnail")
                clip = await asyncio.to_thread(decode, file, PICTURE)
            except (GatewayError, DecodeFailed, OSError):
                return  # the job is complete without it
            self.post_message(RequestAnswered("thumbnail", JobThumbnail(job.job_id, clip.pictures[0])))

        start_work(self, work, "thumbnail")

    def _draw(self, job: JobInfo) -> None:
        self._job = job
        self.kinolog.downloads.forget(job)
        self.query_one(JobHead).show(job, self._step)
        prompt = self.query_one("#prompt", Static)
        prompt.display = cell_len(job.prompt or "") > PICTURE.columns  # else the head has all of it
        prompt.update(Text(job.prompt or ""))
        picture = self.kinolog.downloads.pictures.get(job.job_id) if not job.erased else None
        shown = self.query_one("#picture", Static)
        shown.display = picture is not None
        shown.update(picture_text(picture) if picture is not None else "")
        self.query_one(StageList).show(job)
        self.query_one(JobFacts).show(job)


def _same(one: JobInfo | None, other: JobInfo) -> bool:
    return one is not None and one.job_id == other.job_id
