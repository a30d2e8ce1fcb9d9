"""The cards of the dashboard, and the chips above the job list."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult, RenderResult
from textual.containers import Horizontal
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from kinolog_client import STATUSES, JobCountsInfo
from kinolog_tui.text.display_text import SYMBOLS, count
from kinolog_tui.widgets.theme_styles import status_style, style

CHOSEN = Style(reverse=True, bold=True)


class Card(Static):
    """A number with its label."""

    number: reactive[int | None] = reactive(None)

    def __init__(self, name: str, status: str = "") -> None:
        super().__init__(classes="card")
        self._label = name
        self._status = status

    def render(self) -> RenderResult:
        """Render the number above its label; dots while it is not known."""
        mark = f"{SYMBOLS[self._status]} " if self._status else ""
        colour = status_style(self.app, self._status, bold=True) if self._status else "bold"
        number = "…" if self.number is None else count(self.number)
        text = Text(justify="center", no_wrap=True, end="")
        text.append(number, style=colour)
        text.append(f"\n{mark}{self._label}", style=style(self.app, "text-muted"))
        return text

    async def on_click(self) -> None:
        """List the jobs that the card counts."""
        await self.app.run_action(f"jobs_with('{self._status}')")


class CountCards(Horizontal):
    """One card for all jobs and one for each status."""

    def compose(self) -> ComposeResult:
        """One card for each number."""
        yield Card("total")
        for status in STATUSES:
            yield Card(status, status)

    def show(self, counts: JobCountsInfo) -> None:
        """Show these numbers."""
        names = ("total", *STATUSES)
        for card, name in zip(self.query(Card), names, strict=True):
            card.number = getattr(counts, name)


class StatusChips(Static):
    """The number of found jobs by status, on one line. A click filters by one status."""

    class StatusSelected(Message):
        """The person clicked a status; empty for all."""

        def __init__(self, status: str) -> None:
            super().__init__()
            self.status = status

    counts: reactive[JobCountsInfo | None] = reactive(None)
    chosen: reactive[tuple[str, ...]] = reactive(())

    def render(self) -> RenderResult:
        """Render the total and each status. The chosen ones are reversed."""
        text = Text(no_wrap=True, end="")
        self._starts: list[tuple[int, str]] = []
        chips = self._chips(long=True)
        if sum(len(words) for _, words in chips) > self.size.width:
            chips = self._chips(long=False)
        for status, words in chips:
            self._starts.append((len(text), status))
            here = status in self.chosen if status else not self.chosen
            colour = status_style(self.app, status) if status else style(self.app, "foreground")
            text.append(words, style=colour + CHOSEN if here else colour)
        return text

    def _chips(self, *, long: bool) -> list[tuple[str, str]]:
        """Return each status with its text."""
        chips = []
        for status in ("", *STATUSES):
            number = "…" if self.counts is None else count(getattr(self.counts, status or "total"))
            name = f"{status} " if long else ""
            chips.append((status, f" {SYMBOLS[status]} {name}{number} " if status else f" all {number} "))
        return chips

    def on_click(self, event: Click) -> None:
        """Filter by the status under the pointer."""
        self.post_message(
            self.StatusSelected([status for start, status in self._starts if start <= event.x][-1])
        )
