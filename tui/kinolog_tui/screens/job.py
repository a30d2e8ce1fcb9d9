"""One job: progress, scenes, log, video and history, live."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import ScreenResume
from textual.widgets import Input, TabbedContent, TabPane

from kinolog_client.jobs import HistoryInfo, JobInfo, LogPageInfo, StoryboardInfo
from kinolog_client.live_feed import LiveUpdates
from kinolog_client.live_messages import (
    Heard,
    JobEnded,
    JobMovement,
    JobUpdated,
    LogLineReceived,
    PreviewReceived,
)
from kinolog_client.proofs import ProofInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.job_actions import JobActions
from kinolog_tui.screens.page import Page
from kinolog_tui.screens.proof_tab import ProofTab
from kinolog_tui.screens.scenes_tab import ScenesTab, Sketched
from kinolog_tui.screens.video_tab import VideoTab
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.widgets.job.history import HistoryPanel
from kinolog_tui.widgets.job.job_details import JobFacts, JobHead, StageList
from kinolog_tui.widgets.job.log_lines import LAST_LINES, LogLines
from kinolog_tui.widgets.job.player import Player
from kinolog_tui.widgets.job.scenes import SceneList

ALL_LINES = 1_000
TABS = ("progress", "scenes", "log", "video", "history")
THROTTLE_SECONDS = 1.0


class JobPage(VideoTab, ScenesTab, ProofTab, JobActions, Page):
    """The page of one job."""

    NUMBER = "2"
    STACKED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "back", "Back"),
        key_binding("job.next_tab", "tab(1)", "Tab"),
        key_binding("job.previous_tab", "tab(-1)", "Tab back", show=False),
        key_binding("job.search", "search", "Search log", show=False),
        key_binding("job.all_lines", "expand", "All lines", show=False),
        key_binding("job.video", "watch_video", "Video", show=False),
        key_binding("job.open", "open_outside", "Open", show=False),
        key_binding("job.save", "save_as", "Save", show=False),
    ]

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self.job_id = job_id
        self.job: JobInfo | None = None
        self._step: tuple[int, int] | None = None
        self._stale = False

    def body(self) -> ComposeResult:
        """The head over the tabs."""
        yield JobHead()
        with TabbedContent(initial="progress"):
            with TabPane("Progress", id="progress"), Horizontal():
                yield StageList()
                yield VerticalScroll(JobFacts())
            with TabPane("Scenes", id="scenes"):
                yield VerticalScroll(SceneList())
            with TabPane("Log", id="log"):
                yield Input(placeholder="text in a line; enter keeps it, esc shows all", id="search")
                yield LogLines()
            with TabPane("Video", id="video"):
                yield Player()
            with TabPane("History", id="history"):
                yield HistoryPanel()

    def on_mount(self) -> None:
        """Dots until the job is known."""
        self.query_one("#search", Input).display = False
        self.query_one(JobHead).loading = True
        self.set_interval(THROTTLE_SECONDS, self._renew)

    @on(ScreenResume)
    def _watch(self) -> None:
        """Shown (again): the feed brings its lines and pictures too. The page's own handler is called as well."""
        self.kinolog.watch_job(self.job_id, self.query_one(LogLines).last)

    def on_screen_suspend(self) -> None:
        """Nobody looks, or something lies over it: the feed need not bring them."""
        self.query_one(Player).clear_pixels()
        self.kinolog.watch_job(None)

    def load(self) -> None:
        """Ask for the job, its scenes, its lines and its history."""
        rest, last = self.kinolog.rest, self.query_one(LogLines).last
        self.request("job", partial(rest.job, self.job_id))
        self.request("scenes", partial(rest.storyboard, self.job_id))
        self.request("logs", partial(rest.logs, self.job_id, ALL_LINES if last else LAST_LINES, last or None))
        self.request("history", partial(rest.history, self.job_id))

    def redraw(self) -> None:
        """Lines and history too."""
        self.query_one(LogLines).redraw()
        self.query_one(HistoryPanel).redraw()
        super().redraw()

    def draw_key_names(self) -> None:
        """In the log and under the proof too."""
        super().draw_key_names()
        self.redraw()

    def _renew(self) -> None:
        if self._stale and self.is_current and not self.requesting("scenes", "history"):
            self._stale = False
            self.request("scenes", partial(self.kinolog.rest.storyboard, self.job_id))
            self.request("history", partial(self.kinolog.rest.history, self.job_id))

    def apply_updates(self, batch: LiveUpdates) -> None:
        """What the feed tells of this job."""
        lines = []
        for message in batch.messages:
            if getattr(message, "job_id", None) == self.job_id:
                self._hear(message)
                if isinstance(message, LogLineReceived):
                    lines.append(message.line)
        if lines:
            self.query_one(LogLines).add(lines)

    def _hear(self, message: Heard) -> None:
        match message:
            case JobUpdated(moved=moved) | JobEnded(moved=moved):
                self._move(moved)
            case PreviewReceived(image=image) if self.job is not None and not self.job.ended:
                self.show_picture(image)
            case _:
                pass

    def _move(self, moved: JobMovement) -> None:
        self._step = (moved.step, moved.steps) if moved.step is not None and moved.steps else None
        if moved.job is not None:
            self._stale = True
            self._show(moved.job)
        elif self.job is not None:
            names = ("status", "percent", "stage", "scene", "attempt", "worker", "eta_seconds", "stages")
            self._show(self.job.model_copy(update={name: getattr(moved, name) for name in names}))

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show an answer."""
        match message.value:
            case JobInfo() as job:
                if self.job is None or job.version >= self.job.version:
                    self._show(job)
            case StoryboardInfo(scenes=scenes):
                self.query_one(SceneList).show(scenes, self._scene())
                self.sketch()
            case Sketched() as sketched:
                self.sketched(sketched)
            case LogPageInfo(entries=entries):
                lines = self.query_one(LogLines)
                lines.add(entries)
                if not lines.last:
                    lines.redraw()
            case HistoryInfo() as history if message.key == "history":
                self.query_one(HistoryPanel).show(history.commits)
            case HistoryInfo() as history:
                self.query_one(HistoryPanel).show_state(history.job)
            case ProofInfo() as proof:
                self.proved(proof)
            case list():
                self.said(message)
            case _:
                self.video_answered(message)

    def on_request_failed(self, message: RequestFailed) -> None:
        """What has a place of its own is said there; a job that is not there leaves nothing to show."""
        message.prevent_default()  # the page's own handler is called below, where it is wanted
        if message.key == "video":
            self.query_one(Player).show_message(f"{message.trouble.words} {{job.video}} tries again.")
            return
        if message.key == "proof":
            self.not_proved(message.trouble)
            return
        super().on_request_failed(message)
        if message.key == "job" and self.job is None and message.trouble.status is not None:
            self.app.pop_screen()

    def _show(self, job: JobInfo) -> None:
        self.job = job
        head = self.query_one(JobHead)
        head.loading = False
        head.show(job, self._step)
        self.query_one(StageList).show(job)
        self.query_one(JobFacts).show(job)
        self.video_of(job)

    def _scene(self) -> int | None:
        """The scene that is rendered now."""
        return self.job.scene if self.job is not None and not self.job.ended else None

    def selected_job_ids(self) -> list[str]:
        """This one."""
        return [self.job_id]

    def selected_job(self) -> JobInfo | None:
        """This one."""
        return self.job

    def on_history_panel_moved(self, message: HistoryPanel.Moved) -> None:
        """Ask for the state as of there; a newer ask takes the place of an older one."""
        self.request("state", partial(self.kinolog.rest.history, self.job_id, message.position))

    def on_tabbed_content_tab_activated(self, message: TabbedContent.TabActivated) -> None:
        """The keys go to what the tab holds."""
        into = {"log": "LogLines", "video": "Player", "history": "#commits"}.get(message.pane.id or "")
        if into is not None:
            self.query_one(into).focus()
        if message.pane.id == "video":
            self.fetch_video()
        elif message.pane.id == "scenes":
            self.sketch()

    def action_tab(self, step: int) -> None:
        """The next tab or the one before."""
        tabs = self.query_one(TabbedContent)
        tabs.active = TABS[(TABS.index(tabs.active) + step) % len(TABS)]

    def action_watch_video(self) -> None:
        """Play it here."""
        self.query_one(TabbedContent).active = "video"

    def action_back(self) -> None:
        """Close the search or the proof, else go back to where this was opened."""
        search = self.query_one("#search", Input)
        if search.display:
            search.display = False
            self.query_one(LogLines).set_filter("")
            self.query_one(LogLines).focus()
        elif not self.close_proof():
            self.app.pop_screen()

    def action_search(self) -> None:
        """Find lines of the log."""
        self.query_one(TabbedContent).active = "log"
        search = self.query_one("#search", Input)
        search.display = True
        self.call_after_refresh(search.focus)

    def action_expand(self) -> None:
        """All lines of the log, or the last ones."""
        lines = self.query_one(LogLines)
        lines.show_all(not lines.expanded)
        if lines.expanded:
            self.request("logs", partial(self.kinolog.rest.logs, self.job_id, ALL_LINES, 0))

    def on_input_changed(self, message: Input.Changed) -> None:
        """Narrow while typing."""
        if message.input.id == "search":
            self.query_one(LogLines).set_filter(message.value)

    def on_input_submitted(self) -> None:
        """Keep the search."""
        self.query_one(LogLines).focus()
