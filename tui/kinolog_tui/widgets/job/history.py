"""The history of a job: its commits, a slider over them, the state as of the selected one, and the verification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kinolog_client import CommitInfo, JobInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.text.display_text import event_label, span, time_of_day
from kinolog_tui.widgets.job.job_details import NAME_CELLS, state_grid
from kinolog_tui.widgets.job.proof import ProofPanel
from kinolog_tui.widgets.theme_styles import style

SHORT_HASH = 12
"""Digits of a shortened hash. A complete one has 64."""
ROOM_FOR_HASH = 110
"""From this number of columns on, the complete hash is shown."""


class CommitList(OptionList):
    """The list of commits. The highlighted one stays in view when the list shrinks."""

    def on_resize(self) -> None:
        """Keep the highlighted commit in view."""
        self.scroll_to_highlight()


class HistoryPanel(Vertical):
    """Left and right select another commit. `Moved` reports its position."""

    class Moved(Message):
        """The commit at this position of the log is selected."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("history.verify", "screen.verify", "Verify"),
        key_binding("everywhere.left", "slide(-1)", "Back in time", key_display="←", show=False),
        key_binding("history.earlier", "slide(-1)", "Back in time", show=False),
        key_binding("everywhere.right", "slide(1)", "Later", show=False),
        key_binding("history.later", "slide(1)", "Later", show=False),
        key_binding("everywhere.down", "slide(1)", "Later", show=False),
        key_binding("everywhere.up", "slide(-1)", "Earlier", show=False),
        key_binding("everywhere.first", "slide(-100000)", "First", show=False),
        key_binding("everywhere.last", "slide(100000)", "Last", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._commits: tuple[CommitInfo, ...] = ()
        self._hash = ""
        self.proof = ProofPanel()

    def compose(self) -> ComposeResult:
        """The slider over the events and the state, over the proof."""
        yield Static(id="slider")
        with Horizontal():
            yield CommitList(id="commits")
            with VerticalScroll(id="state", can_focus=False):
                yield Static(id="hash")
                yield Static(id="as-of")
        yield self.proof

    def on_mount(self) -> None:
        """Set the titles."""
        self.query_one("#commits").border_title = "what happened"
        self.query_one("#state").border_title = "state then"

    @property
    def at(self) -> int:
        """Index of the selected commit, from 0."""
        return self.query_one("#commits", OptionList).highlighted or 0

    def focus_commits(self) -> None:
        """Give the keys to the list of commits."""
        self.query_one("#commits").focus()

    def show(self, commits: Sequence[CommitInfo]) -> None:
        """Show these commits. The selection stays, unless it was the last commit: then the new last one is selected."""
        if tuple(commits) == self._commits:
            return
        options = self.query_one("#commits", OptionList)
        follows = not self._commits or self.at == len(self._commits) - 1
        at = self.at
        self._commits = tuple(commits)
        options.clear_options()
        options.add_options([Option(self._line(commit)) for commit in commits])
        if commits:
            options.highlighted = len(commits) - 1 if follows else min(at, len(commits) - 1)
        self._draw_slider()

    def redraw(self) -> None:
        """Draw everything again."""
        commits, at, self._commits = self._commits, self.at, ()
        self.show(commits)
        if commits:
            self.query_one("#commits", OptionList).highlighted = at
        self.proof.redraw()

    def show_state(self, job: JobInfo | None) -> None:
        """Show the state as of the selected commit."""
        commit = self._commits[self.at] if self._commits else None
        events = commit.events if commit is not None else ()
        self.query_one("#as-of", Static).update(state_grid(self.app, job, events))
        self._hash = commit.hash if commit is not None else ""
        self._draw_hash()

    def action_slide(self, commits: int) -> None:
        """Select another commit, `commits` later or earlier."""
        if self._commits:
            options = self.query_one("#commits", OptionList)
            options.highlighted = max(0, min(len(self._commits) - 1, self.at + commits))

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        """Report the selected commit."""
        message.stop()
        if self._commits:
            self._draw_slider()
            self.post_message(self.Moved(self._commits[self.at].position))

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Moving has selected the commit already."""
        message.stop()

    def on_resize(self) -> None:
        """Fit the slider and the hash to the width."""
        self._draw_slider()
        self._draw_hash()

    def _draw_hash(self) -> None:
        whole = self.size.width >= ROOM_FOR_HASH
        words = self._hash if whole or not self._hash else f"{self._hash[:SHORT_HASH]}…"
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(style=style(self.app, "text-muted"), min_width=NAME_CELLS)
        table.add_column(overflow="fold")
        if words:
            table.add_row("hash", words)
        self.query_one("#hash", Static).update(table)

    def _draw_slider(self) -> None:
        if not self._commits:
            self.query_one("#slider", Static).update("", layout=False)
            return
        first, here = self._commits[0].at, self._commits[self.at].at
        words = ""
        if first is not None and here is not None:
            since = span((here - first).total_seconds())
            words = f" {time_of_day(here)}, {since} in, {self.at + 1}/{len(self._commits)} "
        cells = max(10, self.size.width - len(words) - 4)
        knob = round((cells - 1) * self.at / max(1, len(self._commits) - 1))
        text = Text(no_wrap=True)
        text.append("←", style=style(self.app, "text-muted"))
        text.append("━" * knob, style=style(self.app, "accent"))
        text.append("●", style=style(self.app, "accent", bold=True))
        text.append("─" * (cells - 1 - knob) + "→", style=style(self.app, "text-muted"))
        text.append(words)
        self.query_one("#slider", Static).update(text, layout=False)

    def _line(self, commit: CommitInfo) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{time_of_day(commit.at)} ", style=style(self.app, "text-muted"))
        text.append(", ".join(event_label(event.type, event.data) for event in commit.events))
        text.append(f"  {commit.actor}", style=style(self.app, "text-muted"))
        return text
