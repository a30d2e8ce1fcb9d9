"""The list of jobs: live, with filters, sort orders, pages, marks and bulk actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.widgets import Input, Static

from kinolog_client import JobEnded, JobInfo, JobPageInfo, JobUpdated
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.filter import FilterDialog
from kinolog_tui.screens.job_actions import ActionResult, JobActions
from kinolog_tui.screens.page import Page
from kinolog_tui.session.job_list_filter import PAGE_SIZES, JobListFilter
from kinolog_tui.session.list_position import ListPosition
from kinolog_tui.session.live_feed import LiveUpdates
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text.display_text import count, plain
from kinolog_tui.widgets.jobs.cards import StatusChips
from kinolog_tui.widgets.jobs.job_table import JobTable

THROTTLE_SECONDS = 1.0
AGES_SECONDS = 5.0


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
        self._footer = ("", "")

    @property
    def job_filter(self) -> JobListFilter:
        """The filter that was requested last."""
        return self._requested.job_filter

    def body(self) -> ComposeResult:
        """Chips, the search line, the table, and a footer with the filter, the order and the page."""
        yield StatusChips()
        yield Input(placeholder="text in the prompt or the id; enter keeps it, esc leaves it", id="search")
        yield JobTable()
        yield Horizontal(Static(id="shown"), Static(id="marks"), id="foot")

    def on_mount(self) -> None:
        """Focus the table. After commits the page loads again at most once a second."""
        self.query_one("#search", Input).display = False
        table = self.query_one(JobTable)
        table.focus()
        self.set_interval(THROTTLE_SECONDS, self._reload_if_stale)
        self.set_interval(AGES_SECONDS, table.redraw)

    def on_resize(self, _: Resize) -> None:
        """Choose the columns that fit."""
        if self._page is not None:
            self.query_one(JobTable).lay_out()

    def load(self) -> None:
        """Request the page."""
        position, client = self._requested, self.kinolog.client
        call = partial(
            client.jobs,
            position.job_filter.to_selection(),
            sort=position.order.sort,
            order=position.order.direction,
            limit=self.kinolog.preferences.page_size,
            cursor=position.cursor,
        )
        self.request("page", call)
        self._draw_footer()

    def redraw(self) -> None:
        """Draw the rows again too."""
        self.query_one(JobTable).redraw()
        super().redraw()

    def set_filter(self, job_filter: JobListFilter) -> None:
        """List other jobs, from the first page."""
        self._go_to(self._requested.with_filter(job_filter))

    def _go_to(self, position: ListPosition) -> None:
        self._requested, self._loading = position, True
        self._draw_footer()
        self.call_after_refresh(self.load)

    def _reload_if_stale(self) -> None:
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
                    self._stale = self._stale or message.state.job is not None
                case _:
                    pass

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
        table.show(page.jobs)
        if page_change:
            table.move_cursor(0 if page_change > 0 else table.row_count - 1)
        chips = self.query_one(StatusChips)
        chips.counts, chips.chosen = page.summary, self.job_filter.statuses
        self._draw_footer()

    def _draw_footer(self) -> None:
        job_filter, order = self._requested.job_filter, self._requested.order
        texts = [f"{plain(order.sort)} {'↓' if order.descending else '↑'}", job_filter.span]
        texts += [" ".join(job_filter.priorities)] if job_filter.priorities else []
        texts += [job_filter.model] if job_filter.model else []
        texts += [f"“{job_filter.text}”"] if job_filter.text else []
        page = self._page
        if self._loading:
            texts.append("reading …")
        elif page is not None:
            first = self._position.page * page.limit
            total_text = f" of {count(page.total)}" if page.total is not None else ""
            texts.append(f"{first + 1}–{first + len(page.jobs)}{total_text}" if page.jobs else "none")
        marked = len(self.query_one(JobTable).marked)
        self._update_footer(" · ".join(texts), f"{marked} marked" if marked else "")

    def _update_footer(self, shown: str, marks: str) -> None:
        if (shown, marks) != self._footer:
            self._footer = (shown, marks)
            text = Text(shown, no_wrap=True, overflow="ellipsis")
            self.query_one("#shown", Static).update(text, layout=False)
            self.query_one("#marks", Static).update(marks)

    def selected_job_ids(self) -> list[str]:
        """Return the ids of the marked jobs, else of the job under the cursor."""
        table = self.query_one(JobTable)
        if table.marked:
            return sorted(table.marked)
        return [table.current.job_id] if table.current is not None else []

    def selected_job(self) -> JobInfo | None:
        """Return the job under the cursor."""
        return self.query_one(JobTable).current

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
        """Show and focus the search field."""
        search = self.query_one("#search", Input)
        search.display = True
        search.value = self.job_filter.text
        search.focus()

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

    def action_clear(self) -> None:
        """Close the search, else remove the marks, else remove the filter."""
        table, search = self.query_one(JobTable), self.query_one("#search", Input)
        if search.display:
            search.display = False
            table.focus()
        elif table.marked:
            self._remove_marks()
        elif self.job_filter.narrows:
            self.set_filter(JobListFilter())

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Apply the search."""
        message.input.display = False
        self.query_one(JobTable).focus()
        if message.value.strip() != self.job_filter.text:
            self.set_filter(replace(self.job_filter, text=message.value.strip()))

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
