"""The list of jobs: live, with filters, sort orders, pages, marks and bulk actions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.widgets import Input

from kinolog_client import JobEnded, JobInfo, JobPageInfo, JobUpdated
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.filter import FilterDialog
from kinolog_tui.screens.job.side_panel import JobSidePanel
from kinolog_tui.screens.job_actions import ActionResult, JobActions, unusable_commands
from kinolog_tui.screens.page import Page
from kinolog_tui.session.job_list_filter import PAGE_SIZES, JobListFilter
from kinolog_tui.session.job_orders import STATUS_SORT, jobs_by_status
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.session.list_position import ListPosition
from kinolog_tui.session.live_feed import LiveUpdates
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.widgets.jobs.cards import StatusChips
from kinolog_tui.widgets.jobs.job_table import JobTable
from kinolog_tui.widgets.jobs.list_footer import ListFooter
from kinolog_tui.widgets.search_field import SearchField

THROTTLE_SECONDS = 1.0
AGES_SECONDS = 5.0
SPLIT_COLUMNS = 140
"""From this width on, the selected job is beside the list."""
EMPTY_LIST = frozenset({"open", "mark"})
"""Actions that need a job under the cursor."""


class JobsPage(JobActions, Page):
    """A page of the list at a time. A newer request for a page cancels an older one."""

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
        """Positions of the page that is shown and of the page that was requested last."""
        self._page: JobPageInfo | None = None
        self._stale = False
        self._loading = True
        self._text_before = ""

    @property
    def job_filter(self) -> JobListFilter:
        """The filter that was requested last."""
        return self._requested.job_filter

    def body(self) -> ComposeResult:
        """Chips, the search line, the table, and a footer with the filter, the order and the page."""
        yield StatusChips()
        yield SearchField(placeholder="text in the prompt or the id", id="search")
        yield Horizontal(JobTable(), JobSidePanel(), id="list")
        yield ListFooter()

    def on_mount(self) -> None:
        """Focus the table. After commits the page loads again at most once a second."""
        self.query_one("#search", Input).display = False
        table = self.query_one(JobTable)
        table.focus()
        self.set_interval(THROTTLE_SECONDS, self.load_what_is_stale)
        self.set_interval(AGES_SECONDS, table.redraw)

    def on_resize(self, _: Resize) -> None:
        """Show the selected job beside the list where there is room."""
        self.set_class(self.app.size.width >= SPLIT_COLUMNS, "-split")
        self._show_beside()

    def _show_beside(self) -> None:
        if self.has_class("-split"):
            self.query_one(JobSidePanel).show(self.query_one(JobTable).current)

    def on_job_table_cursor_moved(self) -> None:
        """Show the job under the cursor beside the list, and the keys that do something for it."""
        self._show_beside()
        self._choose_keys()

    def _choose_keys(self) -> None:
        table = self.query_one(JobTable)
        unusable = frozenset() if table.marked else unusable_commands(table.current)
        self.leave_out(unusable | (EMPTY_LIST if table.current is None else frozenset()))

    def load(self) -> None:
        """Request the page."""
        position, client = self._requested, self.kinolog.client
        selection, order = position.job_filter.to_selection(), position.order
        limit, cursor = self.kinolog.preferences.page_size, position.cursor
        listing: Callable[..., Awaitable[JobPageInfo]]
        if order.sort == STATUS_SORT:
            listing = partial(jobs_by_status, client, selection, descending=order.descending)
        else:
            listing = partial(client.jobs, selection, sort=order.sort, order=order.direction)
        self.request("page", partial(listing, limit=limit, cursor=cursor))
        self._draw_footer()

    def redraw(self) -> None:
        """Draw the rows again too."""
        self.query_one(JobTable).redraw()
        self.query_one(JobSidePanel).redraw()
        super().redraw()

    def set_filter(self, job_filter: JobListFilter) -> None:
        """List other jobs, from the first page."""
        self._go_to(self._requested.with_filter(job_filter))

    def _go_to(self, position: ListPosition) -> None:
        self._requested, self._loading = position, True
        self._draw_footer()
        self.call_after_refresh(self.load)

    def load_what_is_stale(self) -> None:
        """Request the page again after a commit or an action, unless a request is running."""
        if self._stale and self.is_current and not self.requesting("page"):
            self._stale = False
            self.load()

    def apply_updates(self, batch: LiveUpdates) -> None:
        """Patch the rows. A commit may change which jobs belong on the page, so the page loads again soon."""
        table = self.query_one(JobTable)
        for message in batch.messages:
            match message:
                case JobUpdated() | JobEnded():
                    table.patch(message.job_id, message.state)
                    self.query_one(JobSidePanel).patch(message.job_id, message.state)
                    self._stale = self._stale or message.state.job is not None
                case _:
                    pass
        self._choose_keys()

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show a page. After an action the page loads again; the base's handler reports the result."""
        match message.value:
            case JobPageInfo() as page:
                self._show(page)
            case ActionResult():
                self._stale = True

    def on_request_failed(self, message: RequestFailed) -> None:
        """Stay on the page that is shown. The base's handler reports it."""
        if message.key == "page":
            self._requested, self._loading = self._position, False
            self._draw_footer()

    def _show(self, page: JobPageInfo) -> None:
        if not page.jobs and self._requested.page:
            self._go_to(self._requested.previous_page())
            return
        page_change = self._requested.page - self._position.page
        self._page, self._position, self._loading = page, self._requested, False
        table = self.query_one(JobTable)
        table.show_hint(self._hint())
        table.show(page.jobs)
        if page_change:
            table.move_cursor(0 if page_change > 0 else table.row_count - 1)
        self._show_beside()
        chips = self.query_one(StatusChips)
        chips.counts, chips.chosen = page.summary, self.job_filter.statuses
        self._draw_footer()

    def _hint(self) -> str:
        """Return what an empty list says."""
        if self.job_filter.narrows:
            leaves = "esc takes the text back" if self._is_searching else "esc shows all jobs"
            return f"no job matches: {leaves}"
        return f"no job yet: {key_label(self.app, 'everywhere.generate')} makes a video"

    def _draw_footer(self) -> None:
        marked = len(self.query_one(JobTable).marked)
        footer = self.query_one(ListFooter)
        footer.show(self._requested, self._position, self._page, loading=self._loading, marked=marked)
        self.query_one(JobTable).show_order(self._requested.order)
        self._choose_keys()

    def selected_job_ids(self) -> list[str]:
        """Return the ids of the marked jobs, else of the job under the cursor."""
        table = self.query_one(JobTable)
        if table.marked:
            return sorted(table.marked)
        return [table.current.job_id] if table.current is not None else []

    def selected_job(self) -> JobInfo | None:
        """Return the job under the cursor."""
        return self.query_one(JobTable).current

    def known_job(self, job_id: str) -> JobInfo | None:
        """Return a job of the page that is shown."""
        return next((job for job in self.query_one(JobTable).jobs if job.job_id == job_id), None)

    def list_words(self) -> str:
        """Return what the list is filtered by."""
        words = self._position.job_filter.words
        return f"The list is filtered by {', '.join(words)}." if words else "The list is not filtered."

    def unseen_count(self, ids: Sequence[str]) -> int:
        """Return how many of the marked jobs are on other pages, or no longer match the filter."""
        shown = {job.job_id for job in self.query_one(JobTable).jobs}
        return sum(one not in shown for one in ids)

    def after_action(self) -> None:
        """Remove the marks."""
        self._remove_marks()

    def _remove_marks(self) -> None:
        table = self.query_one(JobTable)
        table.marked = set()
        table.redraw()
        self._draw_footer()

    def action_search(self) -> None:
        """Show and focus the search field. The list follows what is typed."""
        search = self.query_one("#search", Input)
        self._text_before = self.job_filter.text
        with self.prevent(Input.Changed):
            search.value = self._text_before
        search.display = True
        search.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        """List what matches the text so far. A newer request cancels an older one."""
        self._search_for(message.value)

    def _search_for(self, text: str) -> None:
        if text.strip() != self.job_filter.text:
            self.set_filter(replace(self.job_filter, text=text.strip()))

    def action_filter(self) -> None:
        """Open the filter dialog."""
        self.app.push_screen(FilterDialog(self.job_filter), self._filtered)

    def _filtered(self, job_filter: JobListFilter | None) -> None:
        if job_filter is not None:
            self.set_filter(job_filter)

    def action_sort(self) -> None:
        """Sort by the next column."""
        self._go_to(self._requested.with_next_sort())

    def action_reverse(self) -> None:
        """Reverse the order."""
        self._go_to(self._requested.with_reversed_order())

    def action_span(self) -> None:
        """Choose the next date range."""
        self._go_to(self._requested.with_next_date_range())

    def action_turn(self, step: int) -> None:
        """Request the next page or the one before, unless a page is being loaded."""
        if self._loading or self._page is None:
            return
        if step > 0 and self._page.next_cursor:
            self._go_to(self._position.next_page(self._page.next_cursor))
        elif step < 0 and self._position.page:
            self._go_to(self._position.previous_page())

    def action_rows(self, step: int) -> None:
        """Show more or fewer rows per page."""
        preferences = self.kinolog.preferences
        at = PAGE_SIZES.index(preferences.page_size) if preferences.page_size in PAGE_SIZES else 1
        size = PAGE_SIZES[max(0, min(len(PAGE_SIZES) - 1, at + step))]
        self.kinolog.preferences = replace(preferences, page_size=size)
        self._go_to(self._requested.first_page)

    def action_mark(self) -> None:
        """Mark the job under the cursor and move down."""
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

    @property
    def _is_searching(self) -> bool:
        return bool(self.query_one("#search", Input).display)

    def on_search_field_left(self) -> None:
        """Close the search and take its text back."""
        self.action_clear()

    def action_clear(self) -> None:
        """Close the search and take its text back, else remove the marks, else remove the filter."""
        table, search = self.query_one(JobTable), self.query_one("#search", Input)
        if search.display:
            search.display = False
            table.focus()
            table.show_hint(self._hint())
            self._search_for(self._text_before)
        elif table.marked:
            self._remove_marks()
        elif self.job_filter.narrows:
            self.set_filter(JobListFilter())

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the search."""
        message.input.display = False
        table = self.query_one(JobTable)
        table.focus()
        table.show_hint(self._hint())
        self._search_for(message.value)

    def on_job_table_sort_requested(self, message: JobTable.SortRequested) -> None:
        """Sort by the column whose name was clicked; a second click reverses the order."""
        self._go_to(self._requested.sorted_by(message.sort))

    def on_job_table_page_requested(self, message: JobTable.PageRequested) -> None:
        """Turn the page."""
        self.action_turn(message.step)

    def on_status_chips_status_selected(self, message: StatusChips.StatusSelected) -> None:
        """Filter by the status of the chip."""
        current = self.job_filter
        job_filter = current.toggled(message.status) if message.status else replace(current, statuses=())
        self.set_filter(job_filter)

    def on_job_table_job_selected(self, message: JobTable.JobSelected) -> None:
        """Open the job."""
        self.kinolog.open_job(message.job_id)
