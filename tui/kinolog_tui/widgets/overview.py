"""The numbers over the charts of a span."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from kinolog_tui.client.chart_models import Overview
from kinolog_tui.widgets.palette import style
from kinolog_tui.words import SPAN_WORDS, count, span


class OverviewLine(Static):
    """Success, times and totals, on two lines."""

    def show(self, overview: Overview, within: str) -> None:
        """Show these numbers."""
        rate = f"{100 * overview.success_rate:.1f}%" if overview.success_rate is not None else "–"
        facts = [
            ("span", SPAN_WORDS[within]),
            ("success", rate),
            ("submitted", count(overview.submitted)),
            ("completed", count(overview.completed)),
            ("failed", count(overview.failed)),
            ("cancelled", count(overview.cancelled)),
            ("mean", span(overview.mean_seconds)),
            ("median", span(overview.p50_seconds)),
            ("95 of 100", span(overview.p95_seconds)),
            ("wait", span(overview.mean_wait_seconds)),
            ("video", span(overview.video_seconds)),
            ("device", span(overview.gpu_seconds)),
        ]
        text = Text()
        for name, value in facts:
            text.append(f"{name}\u00a0", style=style(self.app, "text-muted"))
            text.append(value.replace(" ", "\u00a0"), style="bold")
            text.append("  ")
        self.update(text)
