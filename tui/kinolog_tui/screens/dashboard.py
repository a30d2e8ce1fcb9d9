"""The dashboard: counts, what runs and waits now, charts, workers and activity."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import OptionList

from kinolog_client import (
    ActivityInfo,
    AlarmInfo,
    JobCountsInfo,
    JobEnded,
    JobPageInfo,
    JobSelection,
    JobUpdated,
    PreviewReceived,
    QueueCounted,
    QueueDepthInfo,
    TrendsInfo,
    WorkerListInfo,
)
from kinolog_tui.graphics.clip_decoder import DecodeFailed, Picture, decode
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.page import Page
from kinolog_tui.session.background import start_work
from kinolog_tui.session.job_orders import PAUSE_ALARM, WaitingJobs, first_waiting_jobs
from kinolog_tui.session.live_feed import LiveUpdates
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.text import clock
from kinolog_tui.text.display_text import COLOURS
from kinolog_tui.widgets.charts.columns import Columns, Series
from kinolog_tui.widgets.feeds import ActivityFeed, WorkerList
from kinolog_tui.widgets.jobs.cards import CountCards
from kinolog_tui.widgets.jobs.now_panel import PREVIEW, NowPanel

ACTIVITY_ENTRIES = 50
MOST_RUNNING, MOST_QUEUED = 8, 20
"""Jobs that are shown; the counts have all."""
THROTTLE_SECONDS = 1.0
"""What live updates cannot patch is requested at most this often."""
QUEUE_REST_SECONDS = 5.0
"""After a look at the queue that took many lists, the next one waits so long."""
TREND_BUCKET_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class JobPicture:
    """A picture of the work so far on a job."""

    job_id: str
    picture: Picture


class DashboardPage(Page):
    """Counts, running and waiting jobs, charts, workers and the latest events."""

    NUMBER = "1"
    LOADS_PERIODICALLY = True
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.next", "app.focus_next", "Next part"),
        key_binding("everywhere.down", "move('cursor_down')", "Down", show=False),
        key_binding("everywhere.up", "move('cursor_up')", "Up", show=False),
        key_binding("everywhere.first", "move('first')", "First", show=False),
        key_binding("everywhere.last", "move('last')", "Last", show=False),
    ]

    def body(self) -> ComposeResult:
        """Cards over what runs and waits, over charts, workers and activity."""
        yield CountCards()
        yield NowPanel()
        yield Horizontal(
            Columns("jobs per day", "recent"),
            Columns("ended, 24 h", "throughput"),
            Columns("queue, 24 h", "depth", merge="peak"),
            id="sparks",
        )
        yield Horizontal(Vertical(WorkerList(), id="workers"), ActivityFeed(), id="feeds")

    def on_mount(self) -> None:
        """Focus what runs now."""
        self._stale = self._queue_is_stale = False
        self._queue_rests_until = 0.0
        self.query_one(NowPanel).focus()
        self.set_interval(THROTTLE_SECONDS, self.load_what_is_stale)

    def load(self) -> None:
        """Request everything."""
        self.request("counts", self.kinolog.client.status_distribution)
        self._stale = self._queue_is_stale = True
        self._queue_rests_until = 0.0
        self.load_what_is_stale()
        self.load_periodically()

    def load_what_is_stale(self) -> None:
        """Request what changed. A long look at the queue does not hold back the rest."""
        if not self.is_current:
            return
        self._load_queue_if_stale()
        if not self._stale or self.requesting("activity", "workers", "running"):
            return
        self._stale = False
        client = self.kinolog.client
        running = JobSelection(statuses=("processing",))
        self.request("running", partial(client.jobs, running, order="asc", limit=MOST_RUNNING))
        self.request("activity", lambda: self.kinolog.client.activity(limit=ACTIVITY_ENTRIES))
        self.request("workers", self.kinolog.client.workers)

    _queue_is_stale = False
    _pauses: tuple[str, ...] = ()
    """What the alarms say of pauses of the queue and of its priorities."""

    def show_alarms(self, alarms: Sequence[AlarmInfo]) -> None:
        """Request the queue again when a pause begins or ends, also beside another one."""
        super().show_alarms(alarms)
        pauses = tuple(alarm.text for alarm in alarms if alarm.name == PAUSE_ALARM)
        if pauses != self._pauses:
            self._pauses, self._queue_is_stale = pauses, True

    def _load_queue_if_stale(self) -> None:
        rests = clock.monotonic() < self._queue_rests_until
        if not self._queue_is_stale or rests or self.requesting("queue"):
            return
        self._queue_is_stale = False
        self.request(
            "queue",
            partial(first_waiting_jobs, self.kinolog.client, MOST_QUEUED, has_pauses=bool(self._pauses)),
        )

    def load_periodically(self) -> None:
        """Request the charts and the workers."""
        if not self.is_current or self.requesting("recent", "throughput", "depth"):
            return
        client = self.kinolog.client
        self.request("recent", lambda: client.trends("last_7_days", bucket_seconds=TREND_BUCKET_SECONDS))
        self.request("throughput", lambda: client.trends("last_24_hours"))
        self.request("depth", lambda: client.queue_depth("last_24_hours"))
        self.request("workers", self.kinolog.client.workers)

    def apply_updates(self, batch: LiveUpdates) -> None:
        """Show counts at once. After a commit the feed and the workers load again soon."""
        for message in batch.messages:
            match message:
                case QueueCounted(counts=counts):
                    self._show_counts(counts)
                case JobEnded() | JobUpdated():
                    self.query_one(NowPanel).patch(message.job_id, message.state, message.position)
                    if message.state.events:
                        self._stale = self._queue_is_stale = True
                case PreviewReceived(job_id=job_id, image=image):
                    self._show_preview(job_id, image)
                case _:
                    pass

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show an answer."""
        match message.value:
            case JobPageInfo(jobs=jobs):
                self.query_one(NowPanel).show_running(jobs)
                self.kinolog.preview_jobs(frozenset(job.job_id for job in jobs))
            case WaitingJobs() as waiting:
                if waiting.took_many_lists:
                    self._queue_rests_until = clock.monotonic() + QUEUE_REST_SECONDS
                self.query_one(NowPanel).show_queue(waiting.jobs)
            case JobPicture(job_id=job_id, picture=picture):
                self.query_one(NowPanel).show_picture(job_id, picture)
            case JobCountsInfo() as counts:
                self._show_counts(counts)
            case ActivityInfo(entries=entries):
                self.query_one(ActivityFeed).show(entries)
            case WorkerListInfo(workers=workers):
                self.query_one(WorkerList).show(workers)
            case TrendsInfo() as trends:
                self._show_trends(message.key, trends)
            case QueueDepthInfo() as depth:
                self._show_depth(depth)

    def _show_counts(self, counts: JobCountsInfo) -> None:
        self.query_one(CountCards).show(counts)
        self.query_one(NowPanel).show_counts(counts.processing, counts.queued)

    def _show_preview(self, job_id: str, image: bytes) -> None:
        """Decode a picture of the work so far on a thread."""

        async def work() -> None:
            try:
                clip = await asyncio.to_thread(decode, image, PREVIEW)
            except DecodeFailed:
                return  # a later preview may be readable
            self.post_message(RequestAnswered("preview", JobPicture(job_id, clip.pictures[0])))

        start_work(self, work, f"preview {job_id}")

    def redraw(self) -> None:
        """Draw the jobs again too."""
        self.query_one(NowPanel).redraw()
        super().redraw()

    def on_screen_suspend(self) -> None:
        """Another screen covers the page: unsubscribe from previews."""
        self.kinolog.preview_jobs(frozenset())

    @property
    def _list(self) -> OptionList:
        """The list that the moving keys move: the focused one."""
        return self.focused if isinstance(self.focused, OptionList) else self.query_one(NowPanel)

    def _show_trends(self, key: str, trends: TrendsInfo) -> None:
        points = [point for point in trends.points if point.at is not None]
        times = [point.at for point in points if point.at is not None]
        ended = [
            Series(name, tuple(float(getattr(point, name)) for point in points), COLOURS[name])
            for name in ("completed", "failed", "cancelled")
        ]
        submitted = Series("submitted", tuple(float(point.submitted) for point in points), "primary")
        self.query_one(f"#{key}", Columns).show(times, ended if key == "throughput" else [submitted])

    def _show_depth(self, depth: QueueDepthInfo) -> None:
        points = [point for point in depth.points if point.at is not None]
        series = [
            Series(name, tuple(float(getattr(point, f"peak_{field}")) for point in points), COLOURS[field])
            for name, field in (("running", "processing"), ("waiting", "queued"))
        ]
        self.query_one("#depth", Columns).show([p.at for p in points if p.at is not None], series)

    def action_move(self, how: str) -> None:
        """Move the cursor of the focused list."""
        getattr(self._list, f"action_{how}")()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Open the job of the line."""
        if message.option_id is not None:
            self.kinolog.open_job(message.option_id.partition("-")[0])
