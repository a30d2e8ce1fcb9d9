"""Analytics: charts of a date range, and an export of their numbers."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid, VerticalScroll
from textual.widgets import Static

from kinolog_client import (
    DistributionInfo,
    JobSelection,
    ModelListInfo,
    OverviewInfo,
    QueueDepthInfo,
    StageTimesInfo,
    SuccessRatesInfo,
    TimeSpan,
    TrendsInfo,
    WorkerListInfo,
)
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.save import SaveDialog
from kinolog_tui.screens.page import Page
from kinolog_tui.session.job_list_filter import CHART_RANGES, LAST_HOUR
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.text import clock
from kinolog_tui.text.csv_export import ChartValue, write_csv
from kinolog_tui.text.display_text import COLOURS, SPAN_WORDS, bucket_length, plain, short_path, span
from kinolog_tui.widgets.charts.bars import Bar, Bars
from kinolog_tui.widgets.charts.columns import Columns, Series
from kinolog_tui.widgets.charts.overview import OverviewLine

BUCKET_SECONDS = {
    "last_hour": (300, 60),
    "last_24_hours": (10_800, 3_600, 900, 300),
    "last_7_days": (86_400, 21_600, 3_600, 900),
    "last_30_days": (86_400, 21_600, 10_800, 3_600),
}
"""Bucket lengths in seconds for the zoom keys, coarse to fine."""
FIRST_ZOOM = {"last_hour": 1, "last_24_hours": 2, "last_7_days": 2, "last_30_days": 1}
"""Index of the length that is shown first."""


class AnalyticsPage(Page):
    """Charts of a date range."""

    NUMBER = "4"
    LOADS_PERIODICALLY = True
    ALLOW_IN_MAXIMIZED_VIEW = "TopBar, LinkBanner, AlarmBanner, StatusLine, KeyLine"
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("analytics.span", "span", "Span"),
        key_binding("analytics.finer", "zoom(1)", "Finer"),
        key_binding("analytics.coarser", "zoom(-1)", "Coarser"),
        key_binding("everywhere.next", "app.focus_next", "Chart", show=False),
        key_binding("analytics.enlarge", "maximise", "Enlarge"),
        key_binding("analytics.export", "export", "Export CSV"),
        key_binding("everywhere.down", "scroll('scroll_down')", "Down", show=False),
        key_binding("everywhere.up", "scroll('scroll_up')", "Up", show=False),
        key_binding("everywhere.first", "scroll('scroll_home')", "First", show=False),
        key_binding("everywhere.last", "scroll('scroll_end')", "Last", show=False),
        key_binding("everywhere.page_down", "scroll('page_down')", "Page on", show=False),
        key_binding("everywhere.page_up", "scroll('page_up')", "Page back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.span = "last_7_days"
        self._zoom = FIRST_ZOOM[self.span]
        self._values: dict[str, list[ChartValue]] = {}
        """The numbers of each chart, for the export."""
        self._models: dict[str, DistributionInfo] = {}

    def body(self) -> ComposeResult:
        """The totals above the charts."""
        yield OverviewLine()
        with VerticalScroll(id="scroll", can_focus=False), Grid(id="charts"):
            yield _focusable(Columns("jobs over time", "trends"))
            yield _focusable(Columns("queue, most at a time", "depth", merge="peak"))
            yield _focusable(Bars("success by priority", "rates"))
            yield _focusable(Bars("seconds by stage: mean, 95% under", "stages"))
            yield _focusable(Bars("completed by model", "models"))
            yield _focusable(Bars("completed by worker, since it started", "workers"))

    def load_periodically(self) -> None:
        """Request all charts again."""
        if self.is_current and not self.requesting("overview", "trends", "depth"):
            self.load()

    @property
    def _within(self) -> TimeSpan:
        """The date range. The gateway has no name for the last hour."""
        if self.span == LAST_HOUR:
            return TimeSpan(start=clock.now() - timedelta(hours=1))
        return TimeSpan(date_range=self.span)

    def load(self) -> None:
        """Request all charts of the date range."""
        self._choose_keys()
        client, within, bucket = self.kinolog.client, self._within, BUCKET_SECONDS[self.span][self._zoom]
        self.request("overview", partial(client.overview, within))
        self.request("trends", partial(client.trends, within, bucket_seconds=bucket))
        self.request("depth", partial(client.queue_depth, within, bucket_seconds=bucket))
        self.request("rates", partial(client.success_rates, within))
        self.request("stages", partial(client.stage_times, within))
        self.request("models", self.kinolog.client.models)
        self.request("workers", self.kinolog.client.workers)

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show an answer."""
        match message.value:
            case OverviewInfo() as overview:
                self._show_overview(overview)
            case TrendsInfo() as trends:
                self._show_trends(trends)
            case QueueDepthInfo() as depth:
                self._show_depth(depth)
            case SuccessRatesInfo() as rates:
                self._show_rates(rates)
            case StageTimesInfo() as times:
                self._show_stages(times)
            case ModelListInfo(models=models):
                for model in models:
                    of_model = JobSelection(models=(model.name,), span=self._within)
                    call = partial(self.kinolog.client.status_distribution, of_model)
                    self.request(f"model {model.name}", call)
            case DistributionInfo() as counts:
                self._show_model(message.key.removeprefix("model "), counts)
            case WorkerListInfo() as workers:
                self._show_workers(workers)
            case Path() as file if self.app.is_web:
                self.app.deliver_text(file, mime_type="text/csv")
            case Path() as file:
                self.notify(short_path(file), title="Exported", markup=False)

    def _show_overview(self, overview: OverviewInfo) -> None:
        self.query_one(OverviewLine).show(overview, self.span)
        facts = overview.model_dump()
        self._values["overview"] = [
            ChartValue(chart="overview", name=name, value=str(value)) for name, value in facts.items()
        ]

    def _show_trends(self, trends: TrendsInfo) -> None:
        points = [(point.at, point) for point in trends.points if point.at is not None]
        names = ("completed", "failed", "cancelled")
        series = [Series(n, tuple(float(getattr(p, n)) for _, p in points), COLOURS[n]) for n in names]
        note = f"{bucket_length(trends.bucket_seconds)}/column"
        self.query_one("#trends", Columns).show([at for at, _ in points], series, note)
        self._values["trends"] = [
            ChartValue(chart="trends", at=at.isoformat(), name=name, value=str(getattr(p, name)))
            for at, p in points
            for name in ("submitted", *names)
        ]

    def _show_depth(self, depth: QueueDepthInfo) -> None:
        points = [(point.at, point) for point in depth.points if point.at is not None]
        series = [
            Series("running", tuple(float(p.at_most[1]) for _, p in points), COLOURS["processing"]),
            Series("waiting", tuple(float(p.at_most[0]) for _, p in points), COLOURS["queued"]),
        ]
        note = f"{bucket_length(depth.bucket_seconds)}/column"
        self.query_one("#depth", Columns).show([at for at, _ in points], series, note)
        self._values["queue-depth"] = [
            ChartValue(
                chart="queue-depth", at=at.isoformat(), name=name, value=str(getattr(p, f"peak_{name}"))
            )
            for at, p in points
            for name in ("queued", "processing")
        ]

    def _show_rates(self, rates: SuccessRatesInfo) -> None:
        self.query_one("#rates", Bars).show(
            [
                Bar(
                    label=rate.priority,
                    value=rate.rate or 0.0,
                    maximum=1.0,
                    text=f"{100 * rate.rate:.0f}% of {rate.completed + rate.failed}"
                    if rate.rate is not None
                    else "–",
                    colour="success" if (rate.rate or 0) >= 0.9 else "warning",
                )
                for rate in rates.rates
            ]
        )
        self._values["success"] = [
            ChartValue(chart="success", name=r.priority, measure=name, value=str(getattr(r, name)))
            for r in rates.rates
            for name in ("completed", "failed")
        ]

    def _show_stages(self, times: StageTimesInfo) -> None:
        longest = max((time.p95_seconds for time in times.stages), default=0.0)
        self.query_one("#stages", Bars).show(
            [
                Bar(
                    label=plain(time.stage or "–"),
                    value=time.mean_seconds,
                    maximum=longest,
                    text=f"{span(time.mean_seconds)}, {span(time.p95_seconds)}",
                )
                for time in times.stages
            ]
        )
        self._values["stages"] = [
            ChartValue(chart="stages", name=t.stage or "", measure=name, value=str(getattr(t, name)))
            for t in times.stages
            for name in ("count", "mean_seconds", "p50_seconds", "p95_seconds")
        ]

    def _show_model(self, name: str, counts: DistributionInfo) -> None:
        self._models[name] = counts
        self.query_one("#models", Bars).show(
            [
                Bar(
                    label=model,
                    value=one.completed,
                    maximum=one.total,
                    text=f"{one.completed} of {one.total}",
                    colour=COLOURS["completed"],
                )
                for model, one in sorted(self._models.items())
            ]
        )
        self._values["models"] = [
            ChartValue(chart="models", name=model, measure="completed", value=str(one.completed))
            for model, one in self._models.items()
        ]

    def _show_workers(self, workers: WorkerListInfo) -> None:
        most = max((worker.jobs_completed for worker in workers.workers), default=0)
        self.query_one("#workers", Bars).show(
            [
                Bar(
                    label=w.name,
                    value=w.jobs_completed,
                    maximum=most,
                    text=f"{w.jobs_completed}, {w.attempts_failed} failed",
                    colour="accent",
                )
                for w in workers.workers
            ]
        )
        self._values["workers"] = [
            ChartValue(chart="workers", name=w.name, measure="completed", value=str(w.jobs_completed))
            for w in workers.workers
        ]

    def action_span(self) -> None:
        """Choose the next date range."""
        self.span = CHART_RANGES[(CHART_RANGES.index(self.span) + 1) % len(CHART_RANGES)]
        self._zoom = FIRST_ZOOM[self.span]
        self._models = {}
        self.load()

    def action_zoom(self, step: int) -> None:
        """Choose finer or coarser time buckets."""
        self._zoom = max(0, min(len(BUCKET_SECONDS[self.span]) - 1, self._zoom + step))
        self.load()

    def _choose_keys(self) -> None:
        """Leave out the key of finer and that of coarser columns if there are none."""
        coarsest, finest = self._zoom == 0, self._zoom == len(BUCKET_SECONDS[self.span]) - 1
        self.leave_out(frozenset(["zoom(1)"] * finest + ["zoom(-1)"] * coarsest))

    def action_maximise(self) -> None:
        """Enlarge the focused chart to the whole page, or restore it."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            self.maximize(self.focused)
        else:
            self.maximize(self.query_one("#trends"))

    def action_scroll(self, how: str) -> None:
        """Scroll the charts by one of the actions of their area."""
        getattr(self.query_one("#scroll"), f"action_{how}")()

    def action_export(self) -> None:
        """Export the numbers to a CSV file."""
        values = [value for _, chart in sorted(self._values.items()) for value in chart]

        async def write_for_browser() -> Path:
            return await write_csv(self.kinolog.temporary_folder / name, values)

        def chosen(path: str | None) -> None:
            if path:
                self.request("export", partial(write_csv, Path(path).expanduser().absolute(), values))

        name = f"kinolog-{SPAN_WORDS[self.span].replace(' ', '-')}.csv"
        if self.app.is_web:  # the browser asks for the path
            self.request("export", write_for_browser)
        else:
            self.app.push_screen(SaveDialog("Export the numbers", name), chosen)


def _focusable(chart: Static) -> Static:
    chart.can_focus = True
    return chart
