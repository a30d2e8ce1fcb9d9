"""The line below the list: filter, order and page, and how many jobs are marked."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from kinolog_client import JobPageInfo
from kinolog_tui.session.job_list_filter import JobListOrder
from kinolog_tui.session.list_position import ListPosition
from kinolog_tui.text.display_text import count, plain


class ListFooter(Horizontal):
    """Draws only what changed."""

    def __init__(self) -> None:
        super().__init__(id="foot")
        self._drawn = ("", "")

    def compose(self) -> ComposeResult:
        """The page on the left, the marks on the right."""
        yield Static(id="shown")
        yield Static(id="marks")

    def show(
        self,
        requested: ListPosition,
        shown: ListPosition,
        page: JobPageInfo | None,
        *,
        loading: bool,
        marked: int,
    ) -> None:
        """Show the position that was requested, and the rows of the page that is shown."""
        job_filter, order = requested.job_filter, requested.order
        texts = [_order_words(order), job_filter.span]
        texts += [" ".join(job_filter.priorities)] if job_filter.priorities else []
        texts += [job_filter.model] if job_filter.model else []
        texts += [f"“{job_filter.text}”"] if job_filter.text else []
        texts += [job_filter.variant_words] if job_filter.variant_of else []
        if loading:
            texts.append("reading …")
        elif page is not None:
            first = shown.page * page.limit
            total_text = f" of {count(page.total)}" if page.total is not None else ""
            texts.append(f"{first + 1}–{first + len(page.jobs)}{total_text}" if page.jobs else "none")
        self._draw(" · ".join(texts), f"{marked} marked" if marked else "")

    def _draw(self, shown: str, marks: str) -> None:
        if (shown, marks) != self._drawn:
            self._drawn = (shown, marks)
            text = Text(shown, no_wrap=True, overflow="ellipsis")
            self.query_one("#shown", Static).update(text, layout=False)
            self.query_one("#marks", Static).update(marks)


def _order_words(order: JobListOrder) -> str:
    """Return what comes first. By the time of submission an arrow would be that of the age or its opposite."""
    if order.sort == "created_at":
        return "newest first" if order.descending else "oldest first"
    return f"{plain(order.sort)} {'↓' if order.descending else '↑'}"
