"""The page of one job: its head, its tabs and its actions, live."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import ScreenResume
from textual.widgets import TabbedContent

from kinolog_client import JobEnded, JobInfo, JobState, JobUpdated, LogLineReceived, PreviewReceived
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.job.history_tab import HistoryTab
from kinolog_tui.screens.job.job_tab import JobTab
from kinolog_tui.screens.job.log_tab import LogTab
from kinolog_tui.screens.job.progress_tab import ProgressTab
from kinolog_tui.screens.job.scenes_tab import ScenesTab
from kinolog_tui.screens.job.video_tab import VideoTab
from kinolog_tui.screens.job_actions import JobActions, unusable_commands
from kinolog_tui.screens.page import Page
from kinolog_tui.session.job_list_filter import JobListFilter
from kinolog_tui.session.job_progress import job_after
from kinolog_tui.session.live_feed import LiveUpdates
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.widgets.job.job_details import JobHead

TABS = ("progress", "scenes", "log", "video", "history")
THROTTLE_SECONDS = 1.0
NOT_FOUND = 404
"""Status of the answer if there is no such job."""


class JobPage(JobActions, Page):
    """Requests the job, and passes it and live updates to the tabs."""

    NUMBER = "2"
    STACKED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "back", "Back"),
        key_binding("job.next_tab", "tab(1)", "Tab"),
        key_binding("job.video", "watch_video", "Play"),
        key_binding("job.open", "open_outside", "Open"),
        key_binding("job.save", "save_as", "Save"),
        key_binding("job.previous_tab", "tab(-1)", "Tab back", show=False),
        key_binding("job.search", "search", "Search log", show=False),
        key_binding("job.all_lines", "expand", "All lines", show=False),
        key_binding("job.verify", "verify", "Verify"),
        key_binding("job.variants", "list_variants", "Variants"),
    ]

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self.job_id = job_id
        self.job: JobInfo | None = None
        self._is_missing = False
        self._place_is_stale = False
        """Whether commits may have changed its place in the queue. Those of other jobs do, and none names the place."""
        self._step: tuple[int, int] | None = None
        """The step that is rendered now, and the number of steps."""

    def body(self) -> ComposeResult:
        """The head over the tabs."""
        yield JobHead()
        with TabbedContent(initial="progress"):
            yield ProgressTab(self.job_id)
            yield ScenesTab(self.job_id)
            yield LogTab(self.job_id)
            yield VideoTab(self.job_id)
            yield HistoryTab(self.job_id)

    def on_mount(self) -> None:
        """Show a loading indicator until the job is known."""
        self.query_one(JobHead).loading = True
        self.set_interval(THROTTLE_SECONDS, self.load_what_is_stale)

    @on(ScreenResume)
    def _subscribe_to_job(self) -> None:
        """Subscribe to the job's log lines and previews. The base's handler of this event runs as well."""
        self.kinolog.watch_job(self.job_id, self.query_one(LogTab).last_sequence)
        self.query_one(VideoTab).fit()

    def on_screen_suspend(self) -> None:
        """Another screen covers the page: unsubscribe from log lines and previews."""
        self.query_one(VideoTab).hide_pixels()
        self.kinolog.watch_job(None)

    def load(self) -> None:
        """Request the job, and have every tab load."""
        self._load_job()
        for tab in self.query(JobTab):
            tab.load()

    def redraw(self) -> None:
        """Draw the tabs again too."""
        for tab in self.query(JobTab):
            tab.redraw()
        super().redraw()

    def draw_key_names(self) -> None:
        """Keys are named in the log and below the verification too."""
        super().draw_key_names()
        self.redraw()

    def _load_job(self) -> None:
        self._place_is_stale = False
        self.request("job", partial(self.kinolog.client.status, self.job_id))

    def load_what_is_stale(self) -> None:
        """Request the job and its tabs again after commits that changed them, unless a request is running."""
        if not self.is_current:
            return
        if self._place_is_stale and not self.requesting("job"):
            self._load_job()
        for tab in self.query(JobTab):
            tab.load_if_stale()

    def apply_updates(self, batch: LiveUpdates) -> None:
        """Apply the updates of this job, and pass them to the tabs."""
        lines = []
        for message in batch.messages:
            match message:
                case JobUpdated(job_id=self.job_id, state=state) | JobEnded(job_id=self.job_id, state=state):
                    self._apply_state(state)
                case LogLineReceived(job_id=self.job_id, line=line):
                    lines.append(line)
                case PreviewReceived(job_id=self.job_id, image=image):
                    if self.job is not None and not self.job.ended:
                        self.query_one(VideoTab).show_preview(image)
                case _:
                    pass
        if lines:
            self.query_one(LogTab).add_lines(lines)
        if self.job is not None and self.job.status == "queued" and _has_commit(batch):
            self._place_is_stale = True

    def _apply_state(self, state: JobState) -> None:
        self._step = (state.step, state.steps) if state.step is not None and state.steps else None
        if state.job is not None:
            self.query_one(ScenesTab).mark_stale()
            self.query_one(HistoryTab).mark_stale()
            self._show(state.job)
        elif self.job is not None:
            self._show(job_after(self.job, state))

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show the job, unless a live update brought a newer one."""
        match message.value:
            case JobInfo() as job if self.job is None or job.version >= self.job.version:
                self._show(job)

    def on_request_failed(self, message: RequestFailed) -> None:
        """Leave the page of a job that does not exist, once no dialog covers it. The base reports the failure."""
        if message.key == "job" and self.job is None and message.failure.status == NOT_FOUND:
            self._is_missing = True
            self._leave_if_missing()

    @on(ScreenResume)
    def _leave_if_missing(self) -> None:
        if self._is_missing and self.is_active:
            self.app.pop_screen()

    def _show(self, job: JobInfo) -> None:
        self.job = job
        head = self.query_one(JobHead)
        head.loading = False
        head.show(job, self._step)
        for tab in self.query(JobTab):
            tab.show_job(job)
        self._choose_keys()

    def _choose_keys(self) -> None:
        """Show the keys that do something for this job in this tab."""
        self.leave_out(_unusable_actions(self.job, self.query_one(TabbedContent).active))

    @property
    def late_actions(self) -> frozenset[str]:
        """The keys of the video are more than a narrow screen has room for."""
        video = self.query_one(TabbedContent).active == "video"
        return frozenset({"make_again"}) if video else frozenset()

    def selected_job_ids(self) -> list[str]:
        """Return this job's id."""
        return [self.job_id]

    def selected_job(self) -> JobInfo | None:
        """Return this job; None until it is known."""
        return self.job

    def known_job(self, job_id: str) -> JobInfo | None:
        """Return this job; None until it is known."""
        return self.job if job_id == self.job_id else None

    def on_tabbed_content_tab_activated(self, message: TabbedContent.TabActivated) -> None:
        """Let the tab take the focus and fetch what it shows only while it is open."""
        if isinstance(message.pane, JobTab) and message.pane.is_open:  # another one may be by now
            message.pane.show_open()
            self._choose_keys()

    def _open_tab(self, name: str) -> None:
        self.query_one(TabbedContent).active = name

    def action_tab(self, step: int) -> None:
        """Open the next tab or the one before."""
        tabs = self.query_one(TabbedContent)
        tabs.active = TABS[(TABS.index(tabs.active) + step) % len(TABS)]

    def action_back(self) -> None:
        """Close the search or the verification, else return to the page below."""
        if not self.query_one(LogTab).close_search() and not self.query_one(HistoryTab).close_proof():
            self.app.pop_screen()

    def action_search(self) -> None:
        """Search the log."""
        self._open_tab("log")
        self.query_one(LogTab).open_search()

    def action_expand(self) -> None:
        """Show all lines of the log, or only the last ones."""
        self.query_one(LogTab).toggle_all_lines()

    def action_watch_video(self) -> None:
        """Play the video here."""
        self._open_tab("video")

    def action_open_outside(self) -> None:
        """Open the video in the system's player."""
        self.query_one(VideoTab).open_elsewhere()

    def action_save_as(self) -> None:
        """Save the video at a path that the person chooses."""
        self.query_one(VideoTab).save()

    def action_verify(self) -> None:
        """Verify the record, and show the result in the history."""
        self._open_tab("history")
        self.query_one(HistoryTab).verify()

    def action_list_variants(self) -> None:
        """List the variants of the job's request. Any other job has none."""
        if self.job is not None and self.job.variant_of:
            self.kinolog.list_jobs(JobListFilter(variant_of=self.job.variant_of))


def _has_commit(batch: LiveUpdates) -> bool:
    """Return whether a commit of any job is among the updates."""
    return any(
        isinstance(message, JobUpdated | JobEnded) and message.state.events for message in batch.messages
    )


def _unusable_actions(job: JobInfo | None, tab: str) -> frozenset[str]:
    """Return the actions that would do nothing for a job in this tab."""
    unusable = {"watch_video"} if tab == "video" else set()
    if tab == "history":
        unusable.add("verify")  # its panel has a key of its own
    if job is None or job.links.video is None:
        unusable |= {"open_outside", "save_as", "play", "seek"}
    if job is None or (job.ended and job.links.video is None):
        unusable.add("watch_video")
    if job is None or job.variant_of is None:
        unusable.add("list_variants")
    return unusable_commands(job).union(unusable)
