"""Commits of many jobs as a line through time, with the details of the selected one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kinolog_client.models.history import CommandCountInfo, FoundCommitInfo
from kinolog_tui.keys.bindings import ROW_KEYS, key_binding
from kinolog_tui.text.display_text import COLOURS, SYMBOLS, count, event_label, moment, short_id, time_of_day
from kinolog_tui.widgets.theme_styles import style

STATUS_OF = {
    "submitted": "queued",
    "queued": "queued",
    "retried": "queued",
    "attempt_started": "processing",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""The status that an event brings a job to."""


class TimelineList(OptionList):
    """The list. A heading for each day cannot be selected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *ROW_KEYS,
        key_binding("everywhere.open", "select", "Open job"),
    ]


class CommitTimeline(Horizontal):
    """`JobChosen` reports the job of the commit that was opened, `CountChosen` the row of who did what."""

    class JobChosen(Message):
        """The job of this commit is to be shown."""

        def __init__(self, job_id: str) -> None:
            super().__init__()
            self.job_id = job_id

    class CountChosen(Message):
        """The commits of this row are to be shown."""

        def __init__(self, row: CommandCountInfo) -> None:
            super().__init__()
            self.row = row

    def __init__(self) -> None:
        super().__init__()
        self._commits: tuple[FoundCommitInfo, ...] = ()
        self._counts: tuple[CommandCountInfo, ...] = ()

    def compose(self) -> ComposeResult:
        """The list beside the details."""
        yield TimelineList(id="timeline")
        with VerticalScroll(id="commit", can_focus=False):
            yield Static(id="details")

    def on_mount(self) -> None:
        """Set the titles."""
        self.query_one("#timeline").border_title = "commits"
        self.query_one("#commit").border_title = "commit"

    @property
    def has_rows(self) -> bool:
        """Whether there is something to select."""
        return bool(self._commits or self._counts)

    def focus_list(self) -> None:
        """Give the keys to the list."""
        self.query_one(TimelineList).focus()

    def show(self, commits: Sequence[FoundCommitInfo]) -> None:
        """Show these commits. The selection stays if they continue what is shown."""
        kept = (
            self._selected
            if self._commits and tuple(commits[: len(self._commits)]) == self._commits
            else None
        )
        self._commits, self._counts = tuple(commits), ()
        self._fill([*self._commit_options()], f"commit {kept.position}" if kept else None)
        self.query_one("#timeline").border_title = "commits"
        self.query_one("#commit").display = True
        self._draw_details()

    def show_counts(self, counts: Sequence[CommandCountInfo]) -> None:
        """Show who did what."""
        self._commits, self._counts = (), tuple(counts)
        names = max((len(row.actor) for row in counts), default=0)
        self._fill(
            [Option(self._count_line(row, names), id=f"count {n}") for n, row in enumerate(counts)], None
        )
        self.query_one("#timeline").border_title = "who did what"
        self.query_one("#commit").display = False

    def redraw(self) -> None:
        """Draw in the colours of the theme."""
        if self._counts:
            self.show_counts(self._counts)
        else:
            self.show(self._commits)

    @property
    def _selected(self) -> FoundCommitInfo | None:
        option = self.query_one(TimelineList).highlighted_option
        if option is None or option.id is None or not self._commits:
            return None
        return next((one for one in self._commits if f"commit {one.position}" == option.id), None)

    def _fill(self, options: Sequence[Option], selected: str | None) -> None:
        rows = self.query_one(TimelineList)
        rows.clear_options()
        rows.add_options(options)
        if selected is not None:
            rows.highlighted = rows.get_option_index(selected)
        elif options:
            rows.action_first()

    def _commit_options(self) -> Sequence[Option]:
        options, last_day = list[Option](), ""
        for commit in self._commits:
            day = commit.at.astimezone().strftime("%A, %d %B %Y") if commit.at is not None else "–"
            if day != last_day:
                options.append(
                    Option(Text(day, style=style(self.app, "text-muted", bold=True)), disabled=True)
                )
                last_day = day
            options.append(Option(self._commit_line(commit), id=f"commit {commit.position}"))
        return options

    def _commit_line(self, commit: FoundCommitInfo) -> Text:
        statuses = [STATUS_OF[event.type] for event in commit.events if event.type in STATUS_OF]
        text = Text(no_wrap=True, overflow="ellipsis")
        if statuses:
            text.append(f"{SYMBOLS[statuses[-1]]} ", style=style(self.app, COLOURS[statuses[-1]]))
        else:
            text.append("│ ", style=style(self.app, "text-muted"))
        text.append(f"{time_of_day(commit.at)} ", style=style(self.app, "text-muted"))
        text.append(f"{short_id(commit.job_id)} ", style=style(self.app, "accent"))
        text.append(", ".join(event_label(event.type, event.data) for event in commit.events))
        text.append(f"  {commit.actor}", style=style(self.app, "text-muted"))
        return text

    def _count_line(self, row: CommandCountInfo, names: int) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{count(row.commits):>9} ", style=style(self.app, "accent"))
        text.append(f"{row.actor:<{names}}  {row.command:<16} ")
        text.append(f"{moment(row.first_at)} … {moment(row.last_at)}", style=style(self.app, "text-muted"))
        return text

    def _draw_details(self) -> None:
        commit = self._selected
        details = self.query_one("#details", Static)
        if commit is None:
            details.update("")
            return
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(style=style(self.app, "text-muted"), no_wrap=True)
        table.add_column(overflow="fold")
        facts = (
            ("position", str(commit.position)),
            ("time", moment(commit.at)),
            ("job", commit.job_id),
            ("model", commit.model),
            ("by", commit.actor),
            ("command", commit.command),
            ("API key", commit.api_key_id),
            ("program", commit.client),
            ("address", commit.address),
            ("through", commit.via),
            ("hash", commit.hash),
        )
        for name, value in facts:
            if value:
                table.add_row(name, value)
        parts: list[RenderableType] = [table]
        for event in commit.events:
            parts.append(Text(f"\n{event_label(event.type, event.data)}", style=style(self.app, "accent")))
            if event.data:
                parts.append(Text(json.dumps(event.data, indent=1, ensure_ascii=False)))
        details.update(Group(*parts))
        self.query_one("#commit").scroll_home(animate=False)

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        """Show the details of the selected commit."""
        message.stop()
        self._draw_details()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Report what was opened."""
        message.stop()
        if self._counts:
            self.post_message(self.CountChosen(self._counts[message.option_index]))
        elif (commit := self._selected) is not None:
            self.post_message(self.JobChosen(commit.job_id))
