"""Commits of all jobs by a question: a line through time, or who did what."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static
from textual.widgets.input import Selection

from kinolog.counts import counted
from kinolog_client.models.history import (
    CommandCountInfo,
    CommandCountsInfo,
    FoundCommitInfo,
    FoundCommitsInfo,
)
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.page_tab import PageTab
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text.display_text import count
from kinolog_tui.widgets.audit.commit_timeline import CommitTimeline
from kinolog_tui.widgets.theme_styles import style

PAGE = 100
MOST_COUNTS = 200
WRONG_WORD = re.compile(r"at column ([0-9]+), `(.*?)`: (.*)", re.DOTALL)
"""How the api names the word of a question that is wrong."""
BAD_QUERY = "BAD_QUERY"


class QuestionField(Input):
    """Enter asks. `esc` goes on to what was found."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.open", "submit", "Search"),
        key_binding("everywhere.back", "screen.leave_field", "Leave field"),
    ]


class SearchTab(PageTab):
    """The question over what it finds."""

    def __init__(self) -> None:
        super().__init__("Search", id="search")
        self._question = ""
        self._oldest_first = False
        self._counted = False
        self._commits: list[FoundCommitInfo] = []
        self._next: int | None = None

    def compose(self) -> ComposeResult:
        """The field, what is wrong with it, the number of commits, the commits."""
        yield QuestionField(
            placeholder="actor=alice since=7d event=cancelled; empty for all", id="question", compact=True
        )
        yield Static(id="wrong")
        yield Static(id="found")
        yield CommitTimeline()

    def on_mount(self) -> None:
        """Hide the line of errors until there is one."""
        self.query_one("#wrong").display = False

    def load(self) -> None:
        """Ask the question again."""
        if self._counted:
            call = partial(self.kinolog.client.count_commands, self._question, limit=MOST_COUNTS)
            self.request("question", call)
        else:
            self.request("question", self._page(0))

    def show_open(self) -> None:
        """Give the keys to the commits, or to the field while there are none."""
        timeline = self.query_one(CommitTimeline)
        if timeline.has_rows:
            timeline.focus_list()
        else:
            self.focus_question()

    def focus_question(self) -> None:
        """Give the keys to the question."""
        self.query_one("#question").focus()

    def leave_field(self) -> None:
        """Give the keys to what was found."""
        self.query_one(CommitTimeline).focus_list()

    def ask(self, question: str) -> None:
        """Ask another question."""
        self._question = question
        self.query_one("#question", Input).value = question
        self.load()

    def narrow(self, row: CommandCountInfo) -> None:
        """Ask for the commits of an actor with a command."""
        self._counted = False
        conditions = (self._question, _condition("actor", row.actor), _condition("command", row.command))
        self.ask(" ".join(filter(None, conditions)))

    def turn(self) -> None:
        """Show the oldest commits first, or the newest."""
        self._oldest_first = not self._oldest_first
        self._counted = False
        self.load()

    def toggle_counts(self) -> None:
        """Show who did what, or the commits."""
        self._counted = not self._counted
        self.load()

    def load_more(self) -> None:
        """Request the next page."""
        if self._next is not None and not self._counted and not self.requesting("question", "more"):
            self.request("more", self._page(self._next))

    def redraw(self) -> None:
        """Draw in the colours of the theme."""
        self.query_one(CommitTimeline).redraw()

    @property
    def _is_typing(self) -> bool:
        """Whether another question is in the field than that which was asked."""
        field = self.query_one("#question", Input)
        return field.has_focus and field.value.strip() != self._question

    def _page(self, after: int) -> Callable[[], Awaitable[FoundCommitsInfo]]:
        search = self.kinolog.client.search_events
        return partial(search, self._question, limit=PAGE, oldest_first=self._oldest_first, after=after)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Ask the question."""
        message.stop()
        self.ask(message.value.strip())

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show what was found."""
        match message.value:
            case FoundCommitsInfo() as page:
                before = self._commits if message.key == "more" else []
                self._commits, self._next = [*before, *page.commits], page.next_position
                self.query_one(CommitTimeline).show(self._commits)
                self._show_found(page.position)
            case CommandCountsInfo(counts=counts):
                self.query_one(CommitTimeline).show_counts(counts)
                self.query_one("#found", Static).update("" if counts else "no commit meets these conditions")
            case _:
                return
        self.query_one("#wrong").display = False
        if message.key == "question" and self.is_open and not self._is_typing:
            self.show_open()

    def _show_found(self, position: int) -> None:
        number = len(self._commits)
        words = "no commit meets these conditions" if self._question else "no commits yet"
        if number:
            first = "the first " if self._next is not None else ""
            order = "oldest first" if self._oldest_first else "newest first"
            words = f"{first}{counted(number, 'commit')}, {order}"
        self.query_one("#found", Static).update(f"{words}, searched up to position {count(position)}")

    def on_request_failed(self, message: RequestFailed) -> None:
        """Mark the word that is wrong. Other failures become a message."""
        if message.failure.reason != BAD_QUERY:
            return
        message.prevent_default()
        problem = message.failure.text.removeprefix("query: ").removeprefix("query ")
        line = self.query_one("#wrong", Static)
        line.display = True
        field = self.query_one("#question", Input)
        field.focus()
        found = WRONG_WORD.search(problem)
        if found is None:
            line.update(Text(problem, style=style(self.app, "error")))
            return
        column, word, why = int(found[1]) - 1, found[2], found[3]
        field.selection = Selection(column, column + len(word))
        line.update(Text(f"column {column + 1}, {word}: {why}", style=style(self.app, "error")))


def _condition(field: str, value: str) -> str:
    """Return a condition of a question. A value with blanks, commas or quotes is in double quotes."""
    if re.fullmatch(r'[^\s",]+', value):
        return f"{field}={value}"
    quoted = re.sub(r'(["\\])', r"\\\1", value)
    return f'{field}="{quoted}"'
