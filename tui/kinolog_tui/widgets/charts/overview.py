"""The totals above the charts."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from kinolog_client import OverviewInfo
from kinolog_tui.text.display_text import SPAN_WORDS, count, span
from kinolog_tui.widgets.theme_styles import style

WIDE_COLUMNS = 110


class OverviewLine(Static):
    """Success rate, durations and totals, in two or three lines."""

    _shown: tuple[OverviewInfo, str] | None = None

    def on_resize(self) -> None:
        """Arrange the numbers for the new width."""
        if self._shown is not None:
            self.show(*self._shown)

    def show(self, overview: OverviewInfo, within: str) -> None:
        """Show these numbers."""
        self._shown = (overview, within)
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
            ("95% under", span(overview.p95_seconds)),
            ("wait", span(overview.mean_wait_seconds)),
            ("video", span(overview.video_seconds)),
            ("device", span(overview.gpu_seconds)),
        ]
        columns = 6 if self.app.size.width >= WIDE_COLUMNS else 4
        table = Table.grid(expand=True, padding=(0, 1))
        for _ in range(columns):
            table.add_column(ratio=1, no_wrap=True)
        cells = [self._cell(name, value) for name, value in facts]
        for start in range(0, len(cells), columns):
            table.add_row(*cells[start : start + columns])
        self.update(table)

    def _cell(self, name: str, value: str) -> Text:
        text = Text(f"{name} ", style=style(self.app, "text-muted"))
        text.append(value, style=style(self.app, "foreground", bold=True))
        return text
