"""The jobs: a live table with filters, orders, pages, marks and bulk actions."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.widgets import Input, Static

from kinolog_client.jobs import JobInfo, JobPageInfo
from kinolog_client.live_feed import LiveUpdates
from kinolog_client.live_messages import JobEnded, JobUpdated
from kinolog_client.requests import PAGE_SIZES, JobListFilter
from kinolog_tui.keys.bindings import bound
from kinolog_tui.screens.dialogs.filter import FilterDialog
from kinolog_tui.screens.job_actions import JobActions
from kinolog_tui.screens.page import Page
from kinolog_tui.session.list_position import ListPosition
from kinolog_tui.session.messages import RequestAnswered, RequestRefused
from kinolog_tui.text.display_text import count, plain
from kinolog_tui.widgets.jobs.cards import StatusChips
from kinolog_tui.widgets.jobs.job_table import JobTable

THROTTLE_SECONDS = 1.0
AGES_SECONDS = 5.0


class JobsPage(JobActions, Page):
    """The list of jobs."""

    NUMBER = "2"
    BINDINGS: ClassVar[list[BindingType]] = [
        bound("jobs.search", "search", "Search"),
        bound("jobs.filter", "filter", "Filter"),
        bound("jobs.sort", "sort", "Sort"),
        bound("jobs.reverse", "reverse", "Reverse", show=False),
        bound("jobs.span", "span", "Span", show=False),
        bound("jobs.next", "turn(1)", "Next", show=False),
        bound("everywhere.page_down", "turn(1)", "Next", show=False),
        bound("jobs.previous", "turn(-1)", "Previous", show=False),
        bound("everywhere.page_up", "turn(-1)", "Previous", show=False),
        bound("jobs.more_rows", "rows(1)", "More rows", show=False),
        bound("jobs.fewer_rows", "rows(-1)", "Fewer rows", show=False),
        bound("jobs.mark", "mark", "Mark"),
        bound("jobs.mark_page", "mark_page", "Mark page", show=False),
        bound("everywhere.back", "clear", "Clear", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._place = self._wanted = ListPosition()
        """Where the page that is shown is, and where the one is that was asked for."""
        self._page: JobPageInfo | None = None
        self._stale = False
        self._reading = True
        self._said = ("", "")

    @property
    def which(self) -> JobListFilter:
        """Which jobs it shows, or has asked for."""
        return self._wanted.which

    def body(self) -> ComposeResult:
        """Chips over the search line over the table, and a line that says what is shown."""
        yield StatusChips()
        yield Input(placeholder="text in the prompt or the id; enter keeps it, esc leaves it", id="search")
        yield JobTable()
        yield Horizontal(Static(id="shown"), Static(id="marks"), id="foot")

    def on_mount(self) -> None:
        """The table has the keys; what changed is read anew at most once a second."""
        self.query_one("#search", Input).display = False
        table = self.query_one(JobTable)
        table.focus()
        self.set_interval(THROTTLE_SECONDS, self._renew)
        self.set_interval(AGES_SECONDS, table.redraw)

    def on_resize(self, _: Resize) -> None:
        """Other columns may fit now."""
        if self._page is not None:
            self.query_one(JobTable).relaid()

    def load(self) -> None:
        """Ask for the page that is shown."""
        place, limit = self._wanted, self.kinolog.preferences.page_size
        self.ask("page", lambda: self.kinolog.rest.jobs(place.which, place.order, limit, place.cursor))
        self._say_what()

    def redraw(self) -> None:
        """The rows too."""
        self.query_one(JobTable).redraw()
        super().redraw()

    def narrow(self, which: JobListFilter) -> None:
        """Show other jobs, from the first page."""
        self._go(self._wanted.narrowed(which))

    def _go(self, place: ListPosition) -> None:
        self._wanted, self._reading = place, True
        self._say_what()
        self.call_after_refresh(self.load)

    def _renew(self) -> None:
        if self._stale and self.is_current and not self.asking("page"):
            self._stale = False
            self.load()

    def heard(self, batch: LiveUpdates) -> None:
        """Patch the rows; a commit changes what belongs on the page, so it is read anew soon."""
        table = self.query_one(JobTable)
        for message in batch.messages:
            match message:
                case JobUpdated() | JobEnded():
                    table.patch(message.job_id, message.moved)
                    self._stale = self._stale or message.moved.job is not None
                case _:
                    pass

    def on_answered(self, message: RequestAnswered) -> None:
        """Show a page, or what became of an action."""
        match message.value:
            case JobPageInfo() as page:
                self._show(page)
            case list():
                self._stale = True
                self.said(message)

    def on_refused(self, message: RequestRefused) -> None:
        """A page that was not to be had leaves the table as it is. The page's own handler is called as well."""
        if message.key == "page":
            self._wanted, self._reading = self._place, False
            self._say_what()

    def _show(self, page: JobPageInfo) -> None:
        if not page.jobs and self._wanted.page:
            self._go(self._wanted.before())
            return
        turned = self._wanted.page - self._place.page
        self._page, self._place, self._reading = page, self._wanted, False
        table = self.query_one(JobTable)
        table.show(page.jobs)
        if turned:
            table.move_cursor(0 if turned > 0 else table.row_count - 1)
        chips = self.query_one(StatusChips)
        chips.counts, chips.chosen = page.summary, self.which.statuses
        self._say_what()

    def _say_what(self) -> None:
        which, order = self._wanted.which, self._wanted.order
        parts = [f"{plain(order.sort)} {'↓' if order.descending else '↑'}", which.span]
        parts += [" ".join(which.priorities)] if which.priorities else []
        parts += [which.model] if which.model else []
        parts += [f"“{which.text}”"] if which.text else []
        page = self._page
        if self._reading:
            parts.append("reading …")
        elif page is not None:
            first = self._place.page * page.limit
            found = f" of {count(page.total)}" if page.total is not None else ""
            parts.append(f"{first + 1}–{first + len(page.jobs)}{found}" if page.jobs else "none")
        marked = len(self.query_one(JobTable).marked)
        self._foot(" · ".join(parts), f"{marked} marked" if marked else "")

    def _foot(self, shown: str, marks: str) -> None:
        if (shown, marks) != self._said:
            self._said = (shown, marks)
            words = Text(shown, no_wrap=True, overflow="ellipsis")
            self.query_one("#shown", Static).update(words, layout=False)
            self.query_one("#marks", Static).update(marks)

    def chosen_jobs(self) -> list[str]:
        """The marked jobs, else the one under the cursor."""
        table = self.query_one(JobTable)
        if table.marked:
            return sorted(table.marked)
        return [table.current.job_id] if table.current is not None else []

    def chosen_facts(self) -> JobInfo | None:
        """The job under the cursor."""
        return self.query_one(JobTable).current

    def acted(self) -> None:
        """Marks are used up."""
        table = self.query_one(JobTable)
        table.marked = set()
        table.redraw()
        self._say_what()

    def action_search(self) -> None:
        """Type text that the jobs must have."""
        search = self.query_one("#search", Input)
        search.display = True
        search.value = self.which.text
        search.focus()

    def action_filter(self) -> None:
        """Choose status, priority, span and model."""
        self.app.push_screen(FilterDialog(self.which), self._filtered)

    def _filtered(self, which: JobListFilter | None) -> None:
        if which is not None:
            self.narrow(which)

    def action_sort(self) -> None:
        """The next order."""
        self._go(self._wanted.sorted_next())

    def action_reverse(self) -> None:
        """The other way round."""
        self._go(self._wanted.reversed())

    def action_span(self) -> None:
        """The next span of time."""
        self._go(self._wanted.spanned_next())

    def action_turn(self, step: int) -> None:
        """To the next page or the one before, unless one is on its way."""
        if self._reading or self._page is None:
            return
        if step > 0 and self._page.next_cursor:
            self._go(self._place.behind(self._page.next_cursor))
        elif step < 0 and self._place.page:
            self._go(self._place.before())

    def action_rows(self, step: int) -> None:
        """More or fewer rows to a page."""
        preferences = self.kinolog.preferences
        at = PAGE_SIZES.index(preferences.page_size) if preferences.page_size in PAGE_SIZES else 1
        size = PAGE_SIZES[max(0, min(len(PAGE_SIZES) - 1, at + step))]
        self.kinolog.preferences = replace(preferences, page_size=size)
        self._go(self._wanted.first)

    def action_mark(self) -> None:
        """Mark the job under the cursor and go down."""
        table = self.query_one(JobTable)
        if table.current is not None:
            table.toggle(table.current.job_id)
            if table.cursor_row < table.row_count - 1:
                table.action_cursor_down()
            self._say_what()

    def action_mark_page(self) -> None:
        """Mark the whole page."""
        self.query_one(JobTable).mark_page()
        self._say_what()

    def action_clear(self) -> None:
        """Away with the search, then the marks, then the filter."""
        table, search = self.query_one(JobTable), self.query_one("#search", Input)
        if search.display:
            search.display = False
            table.focus()
        elif table.marked:
            self.acted()
        elif self.which.narrows:
            self.narrow(JobListFilter())

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the search."""
        message.input.display = False
        self.query_one(JobTable).focus()
        if message.value.strip() != self.which.text:
            self.narrow(replace(self.which, text=message.value.strip()))

    def on_job_table_page_wanted(self, message: JobTable.PageWanted) -> None:
        """The cursor left the page."""
        self.action_turn(message.step)

    def on_status_chips_chosen(self, message: StatusChips.Chosen) -> None:
        """A chip was clicked."""
        which = self.which.toggled(message.status) if message.status else replace(self.which, statuses=())
        self.narrow(which)

    def on_job_table_opened(self, message: JobTable.Opened) -> None:
        """Enter or a second click opens the job."""
        self.kinolog.open_job(message.job_id)
