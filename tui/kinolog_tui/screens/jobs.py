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
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.filter import FilterDialog
from kinolog_tui.screens.job_actions import JobActions
from kinolog_tui.screens.page import Page
from kinolog_tui.session.list_position import ListPosition
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text.display_text import count, plain
from kinolog_tui.widgets.jobs.cards import StatusChips
from kinolog_tui.widgets.jobs.job_table import JobTable

THROTTLE_SECONDS = 1.0
AGES_SECONDS = 5.0


class JobsPage(JobActions, Page):
    """The list of jobs."""

    NUMBER = "2"
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("jobs.search", "search", "Search"),
        key_binding("jobs.filter", "filter", "Filter"),
        key_binding("jobs.sort", "sort", "Sort"),
        key_binding("jobs.reverse", "reverse", "Reverse", show=False),
        key_binding("jobs.span", "span", "Span", show=False),
        key_binding("jobs.next", "turn(1)", "Next", show=False),
        key_binding("everywhere.page_down", "turn(1)", "Next", show=False),
        key_binding("jobs.previous", "turn(-1)", "Previous", show=False),
        key_binding("everywhere.page_up", "turn(-1)", "Previous", show=False),
        key_binding("jobs.more_rows", "rows(1)", "More rows", show=False),
        key_binding("jobs.fewer_rows", "rows(-1)", "Fewer rows", show=False),
        key_binding("jobs.mark", "mark", "Mark"),
        key_binding("jobs.mark_page", "mark_page", "Mark page", show=False),
        key_binding("everywhere.back", "clear", "Clear", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._position = self._requested = ListPosition()
        """Where the page that is shown is, and where the one is that was asked for."""
        self._page: JobPageInfo | None = None
        self._stale = False
        self._loading = True
        self._footer = ("", "")

    @property
    def which(self) -> JobListFilter:
        """Which jobs it shows, or has asked for."""
        return self._requested.which

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
        self.set_interval(THROTTLE_SECONDS, self._reload_if_stale)
        self.set_interval(AGES_SECONDS, table.redraw)

    def on_resize(self, _: Resize) -> None:
        """Other columns may fit now."""
        if self._page is not None:
            self.query_one(JobTable).lay_out()

    def load(self) -> None:
        """Ask for the page that is shown."""
        place, limit = self._requested, self.kinolog.preferences.page_size
        self.request("page", lambda: self.kinolog.rest.jobs(place.which, place.order, limit, place.cursor))
        self._draw_footer()

    def redraw(self) -> None:
        """The rows too."""
        self.query_one(JobTable).redraw()
        super().redraw()

    def set_filter(self, which: JobListFilter) -> None:
        """Show other jobs, from the first page."""
        self._go_to(self._requested.with_filter(which))

    def _go_to(self, place: ListPosition) -> None:
        self._requested, self._loading = place, True
        self._draw_footer()
        self.call_after_refresh(self.load)

    def _reload_if_stale(self) -> None:
        if self._stale and self.is_current and not self.requesting("page"):
            self._stale = False
            self.load()

    def apply_updates(self, batch: LiveUpdates) -> None:
        """Patch the rows; a commit changes what belongs on the page, so it is read anew soon."""
        table = self.query_one(JobTable)
        for message in batch.messages:
            match message:
                case JobUpdated() | JobEnded():
                    table.patch(message.job_id, message.moved)
                    self._stale = self._stale or message.moved.job is not None
                case _:
                    pass

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show a page, or what became of an action."""
        match message.value:
            case JobPageInfo() as page:
                self._show(page)
            case list():
                self._stale = True
                self.said(message)

    def on_request_failed(self, message: RequestFailed) -> None:
        """A page that was not to be had leaves the table as it is. The page's own handler is called as well."""
        if message.key == "page":
            self._requested, self._loading = self._position, False
            self._draw_footer()

    def _show(self, page: JobPageInfo) -> None:
        if not page.jobs and self._requested.page:
            self._go_to(self._requested.previous_page())
            return
        turned = self._requested.page - self._position.page
        self._page, self._position, self._loading = page, self._requested, False
        table = self.query_one(JobTable)
        table.show(page.jobs)
        if turned:
            table.move_cursor(0 if turned > 0 else table.row_count - 1)
        chips = self.query_one(StatusChips)
        chips.counts, chips.chosen = page.summary, self.which.statuses
        self._draw_footer()

    def _draw_footer(self) -> None:
        which, order = self._requested.which, self._requested.order
        parts = [f"{plain(order.sort)} {'↓' if order.descending else '↑'}", which.span]
        parts += [" ".join(which.priorities)] if which.priorities else []
        parts += [which.model] if which.model else []
        parts += [f"“{which.text}”"] if which.text else []
        page = self._page
        if self._loading:
            parts.append("reading …")
        elif page is not None:
            first = self._position.page * page.limit
            found = f" of {count(page.total)}" if page.total is not None else ""
            parts.append(f"{first + 1}–{first + len(page.jobs)}{found}" if page.jobs else "none")
        marked = len(self.query_one(JobTable).marked)
        self._foot(" · ".join(parts), f"{marked} marked" if marked else "")

    def _foot(self, shown: str, marks: str) -> None:
        if (shown, marks) != self._footer:
            self._footer = (shown, marks)
            words = Text(shown, no_wrap=True, overflow="ellipsis")
            self.query_one("#shown", Static).update(words, layout=False)
            self.query_one("#marks", Static).update(marks)

    def selected_job_ids(self) -> list[str]:
        """The marked jobs, else the one under the cursor."""
        table = self.query_one(JobTable)
        if table.marked:
            return sorted(table.marked)
        return [table.current.job_id] if table.current is not None else []

    def selected_job(self) -> JobInfo | None:
        """The job under the cursor."""
        return self.query_one(JobTable).current

    def actions_started(self) -> None:
        """Marks are used up."""
        table = self.query_one(JobTable)
        table.marked = set()
        table.redraw()
        self._draw_footer()

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
            self.set_filter(which)

    def action_sort(self) -> None:
        """The next order."""
        self._go_to(self._requested.with_next_sort())

    def action_reverse(self) -> None:
        """The other way round."""
        self._go_to(self._requested.with_reversed_order())

    def action_span(self) -> None:
        """The next span of time."""
        self._go_to(self._requested.with_next_date_range())

    def action_turn(self, step: int) -> None:
        """To the next page or the one before, unless one is on its way."""
        if self._loading or self._page is None:
            return
        if step > 0 and self._page.next_cursor:
            self._go_to(self._position.next_page(self._page.next_cursor))
        elif step < 0 and self._position.page:
            self._go_to(self._position.previous_page())

    def action_rows(self, step: int) -> None:
        """More or fewer rows to a page."""
        preferences = self.kinolog.preferences
        at = PAGE_SIZES.index(preferences.page_size) if preferences.page_size in PAGE_SIZES else 1
        size = PAGE_SIZES[max(0, min(len(PAGE_SIZES) - 1, at + step))]
        self.kinolog.preferences = replace(preferences, page_size=size)
        self._go_to(self._requested.first_page)

    def action_mark(self) -> None:
        """Mark the job under the cursor and go down."""
        table = self.query_one(JobTable)
        if table.current is not None:
            table.toggle(table.current.job_id)
            if table.cursor_row < table.row_count - 1:
                table.action_cursor_down()
            self._draw_footer()

    def action_mark_page(self) -> None:
        """Mark the whole page."""
        self.query_one(JobTable).mark_page()
        self._draw_footer()

    def action_clear(self) -> None:
        """Away with the search, then the marks, then the filter."""
        table, search = self.query_one(JobTable), self.query_one("#search", Input)
        if search.display:
            search.display = False
            table.focus()
        elif table.marked:
            self.actions_started()
        elif self.which.narrows:
            self.set_filter(JobListFilter())

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the search."""
        message.input.display = False
        self.query_one(JobTable).focus()
        if message.value.strip() != self.which.text:
            self.set_filter(replace(self.which, text=message.value.strip()))

    def on_job_table_page_wanted(self, message: JobTable.PageWanted) -> None:
        """The cursor left the page."""
        self.action_turn(message.step)

    def on_status_chips_chosen(self, message: StatusChips.Chosen) -> None:
        """A chip was clicked."""
        which = self.which.toggled(message.status) if message.status else replace(self.which, statuses=())
        self.set_filter(which)

    def on_job_table_opened(self, message: JobTable.Opened) -> None:
        """Enter or a second click opens the job."""
        self.kinolog.open_job(message.job_id)
