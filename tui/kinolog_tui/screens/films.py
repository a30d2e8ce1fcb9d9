"""Films: a wall of the thumbnails of completed jobs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from kinolog_client import GatewayError, JobEnded, JobInfo, JobPageInfo, JobSelection
from kinolog_tui.graphics.clip_decoder import DecodeFailed, Picture, decode
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.page import Page
from kinolog_tui.session.background import start_work
from kinolog_tui.session.live_feed import LiveUpdates
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.text.display_text import count
from kinolog_tui.widgets.jobs.film_wall import PICTURE, FilmWall

FILMS = 60
"""Films of a page."""
THROTTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class FilmThumbnail:
    """The thumbnail of a film."""

    job_id: str
    picture: Picture


class PageCounts(NamedTuple):
    """Jobs of a page of completed jobs. An erased one has no film."""

    films: int
    erased: int


class FilmsPage(Page):
    """Pages of completed jobs, the newest first. Thumbnails are fetched for the films in view."""

    NUMBER = "6"
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("films.next", "turn(1)", "Older"),
        key_binding("films.previous", "turn(-1)", "Newer"),
        key_binding("everywhere.page_down", "turn(1)", "Older", show=False),
        key_binding("everywhere.page_up", "turn(-1)", "Newer", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._cursors: list[str | None] = [None]
        """The cursor of each page up to this one."""
        self._newer: list[PageCounts] = []
        """The counts of each page before this one."""
        self._here = PageCounts(0, 0)
        self._next: str | None = None
        self._stale = False

    def body(self) -> ComposeResult:
        """The wall over a line with its numbers."""
        yield FilmWall()
        yield Static(id="shown")

    def on_mount(self) -> None:
        """Focus the wall. After a job is completed the page loads again at most once a second."""
        self.query_one(FilmWall).focus()
        self._choose_keys()
        self.set_interval(THROTTLE_SECONDS, self.load_what_is_stale)

    def load(self) -> None:
        """Request the page."""
        completed = JobSelection(statuses=("completed",))
        self.request(
            "page", partial(self.kinolog.client.jobs, completed, limit=FILMS, cursor=self._cursors[-1])
        )

    def load_what_is_stale(self) -> None:
        """Request the page again after a job ended, unless a request is running."""
        if self._stale and self.is_current and not self.requesting("page"):
            self._stale = False
            self.load()

    def apply_updates(self, batch: LiveUpdates) -> None:
        """A job that ended may be a film."""
        self._stale = self._stale or any(isinstance(message, JobEnded) for message in batch.messages)

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show a page, or one more thumbnail."""
        match message.value:
            case JobPageInfo() as page:
                self._show(page)
            case FilmThumbnail(job_id=job_id, picture=picture) if not self.kinolog.downloads.is_erased(
                job_id
            ):
                self.query_one(FilmWall).show_thumbnail(job_id, picture)

    def _show(self, page: JobPageInfo) -> None:
        self._next = page.next_cursor
        for job in page.jobs:
            self.kinolog.downloads.forget(job)
        films = [job for job in page.jobs if not job.erased]
        self._here = PageCounts(len(films), len(page.jobs) - len(films))
        self.query_one(FilmWall).show(films)
        self._choose_keys()
        self.query_one("#shown", Static).update(f" {self._position(page.summary.completed)}")

    def _position(self, completed: int) -> str:
        """Return which films the wall shows, of how many. Nobody counts the erased jobs of older pages."""
        has_other_pages = self._next is not None or bool(self._newer)
        if not self._here.films:
            return "every job of this page is erased" if has_other_pages else "no film yet"
        first = sum(page.films for page in self._newer)
        erased = self._here.erased + sum(page.erased for page in self._newer)
        total = first + self._here.films if self._next is None else completed - erased
        most = "" if self._next is None else "at most "
        return f"{first + 1}–{first + self._here.films} of {most}{count(total)} {'film' if total == 1 else 'films'}"

    def _choose_keys(self) -> None:
        """Leave out the keys of an older and of a newer page if there is none, and that of a film on an empty wall."""
        useful = {
            "turn(1)": self._next is not None,
            "turn(-1)": len(self._cursors) > 1,
            "open": self.query_one(FilmWall).current is not None,
        }
        self.leave_out(frozenset(action for action, does_something in useful.items() if not does_something))

    def on_film_wall_view_changed(self) -> None:
        """Fetch the thumbnails of the films in view. A newer view cancels an older one."""
        missing = self.query_one(FilmWall).missing()
        if missing:
            start_work(self, partial(self._fetch_each, missing), "thumbnails")

    async def _fetch_each(self, films: list[JobInfo]) -> None:
        for film in films:
            fetch = self.kinolog.downloads.fetch
            try:
                file = await fetch(self.kinolog.client, film.job_id, "-thumbnail", "thumbnail")
                clip = await asyncio.to_thread(decode, file, PICTURE)
            except (GatewayError, DecodeFailed, OSError):
                continue  # the prompt is there without it
            self.post_message(RequestAnswered("thumbnail", FilmThumbnail(film.job_id, clip.pictures[0])))

    def redraw(self) -> None:
        """Draw the wall again too."""
        self.query_one(FilmWall).refresh()
        super().redraw()

    def action_turn(self, step: int) -> None:
        """Request an older or a newer page."""
        if step > 0 and self._next is not None:
            self._cursors.append(self._next)
            self._newer.append(self._here)
        elif step < 0 and len(self._cursors) > 1:
            self._cursors.pop()
            self._newer.pop()
        else:
            return
        self._next = None
        self.query_one(FilmWall).action_move(-FILMS)
        self.load()

    def on_film_wall_film_selected(self, message: FilmWall.FilmSelected) -> None:
        """Open the job."""
        self.kinolog.open_job(message.job_id)
