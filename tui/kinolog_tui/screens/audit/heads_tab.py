"""The last signed head of the tree over all commits, and what this dashboard found about it."""

from __future__ import annotations

from functools import partial

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from kinolog.counts import counted
from kinolog_client import TreeHeadInfo, TreeHeadListInfo
from kinolog_tui.screens.audit.first_head import CheckedHead, FirstHeads, HeadRelation, checked_head
from kinolog_tui.screens.page_tab import PageTab
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text import clock
from kinolog_tui.text.display_text import count, moment
from kinolog_tui.widgets.scroll_area import ScrollArea
from kinolog_tui.widgets.theme_styles import style

RECENT_HEADS = 10
NO_HEAD = "TREE_HEAD_NOT_FOUND"


class HeadsTab(PageTab):
    """The head, its checks, and the heads before."""

    def __init__(self, heads: FirstHeads) -> None:
        super().__init__("Heads", id="heads")
        self._heads = heads
        self._checked: CheckedHead | None = None

    def compose(self) -> ComposeResult:
        """The head beside its checks, over the heads before."""
        with ScrollArea(id="head-parts"):
            yield Static(id="head")
            yield Static(id="head-checks")
            yield Static(id="places")
            yield Static(id="recent")

    def on_mount(self) -> None:
        """Set the titles."""
        self.query_one("#head").border_title = "last head"
        self.query_one("#head-checks").border_title = "checked by this dashboard"
        self.query_one("#recent").border_title = "heads before"
        self.query_one("#places").border_title = "in other places"
        for name in ("#places", "#recent"):
            self.query_one(name).display = False

    def load(self) -> None:
        """Request the last head, and compare it with the first one that was seen."""
        client, seen_at = self.kinolog.client, clock.now().isoformat()
        self.request("head", partial(checked_head, client, self._heads, seen_at))

    def show_open(self) -> None:
        """Give the keys to what scrolls."""
        self.query_one(ScrollArea).focus()

    def forget(self) -> None:
        """Begin again with the last head."""

        async def call() -> CheckedHead:
            self._heads.forget(self.kinolog.client.url)
            return await checked_head(self.kinolog.client, self._heads, clock.now().isoformat())

        self.request("head", call)

    def redraw(self) -> None:
        """Draw in the colours of the theme."""
        if self._checked is not None:
            self._show(self._checked)

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show the head, or those before it."""
        match message.value:
            case CheckedHead(head=head) as checked:
                self._checked = checked
                self._show(checked)
                after = max(0, head.number - RECENT_HEADS - 1)
                call = partial(self.kinolog.client.tree_heads, after=after, limit=RECENT_HEADS)
                self.request("recent", call)
            case TreeHeadListInfo(heads=heads):
                last = self._checked.head.number if self._checked is not None else 0
                self._show_recent([head for head in reversed(heads) if head.number < last])

    def on_request_failed(self, message: RequestFailed) -> None:
        """Say that no head is signed yet. Other failures become a message."""
        if message.failure.reason == NO_HEAD:
            message.prevent_default()
            words = "No head is signed yet. One is signed within a minute of the first commit."
            self.query_one("#head", Static).update(words)

    def _show(self, checked: CheckedHead) -> None:
        head = checked.head
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(style=style(self.app, "text-muted"), no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in (
            ("number", count(head.number)),
            ("commits", count(head.size)),
            ("signed", moment(head.signed_at)),
            ("log", head.origin),
            ("root", head.root),
            ("key", head.key_id),
        ):
            table.add_row(name, value)
        self.query_one("#head", Static).update(table)
        self.query_one("#head-checks", Static).update(self._checks(checked))
        self._show_places(head)

    def _checks(self, checked: CheckedHead) -> Group:
        lines = [
            self._line(False, f"the signature does not fit: {checked.problem}")
            if checked.problem
            else self._line(True, "the signature is that of this key, and states this tree")
        ]
        first = checked.first
        if first is None:
            return Group(*lines)
        known = (
            f"head {count(first.number)}, of {counted(first.size, 'commit')}, which this dashboard saw first"
        )
        match checked.relation:
            case HeadRelation.FIRST:
                lines.append(Text("  this dashboard remembers it, and compares each later one with it"))
            case HeadRelation.SAME:
                lines.append(self._line(True, "it is the head that this dashboard saw first"))
            case HeadRelation.CONTINUES:
                lines.append(self._line(True, f"it continues {known}: nothing before it was changed"))
            case HeadRelation.REWRITTEN:
                lines.append(self._line(False, f"it does not continue {known}: history was rewritten"))
            case HeadRelation.OTHER_LOG:
                lines.append(self._line(False, f"it is of another log than {known}"))
        if first.key_id != checked.head.key_id:
            words = (
                "it is signed by another key than that head: kinolog audit witness checks who introduced it"
            )
            lines.append(Text(f"! {words}", style=style(self.app, "warning")))
        return Group(*lines)

    def _line(self, holds: bool, words: str) -> Text:
        return Text(
            f"{'✔' if holds else '✖'} {words}", style=style(self.app, "success" if holds else "error")
        )

    def _show_places(self, head: TreeHeadInfo) -> None:
        """Show which places outside have heads. Only operators learn it."""
        table = Table.grid(padding=(0, 2, 0, 0))
        for place in head.places:
            has = "this head" if place.number == head.number else f"head {count(place.number)}"
            receipt = ", with a receipt" if place.has_receipt else ""
            table.add_row(place.name, f"{has} since {moment(place.sent_at)}{receipt}")
        places = self.query_one("#places", Static)
        places.update(table)
        places.display = bool(head.places)

    def _show_recent(self, heads: list[TreeHeadInfo]) -> None:
        table = Table.grid(padding=(0, 2, 0, 0))
        for head in heads:
            table.add_row(f"head {count(head.number)}", counted(head.size, "commit"), moment(head.signed_at))
        recent = self.query_one("#recent", Static)
        recent.update(table)
        recent.display = bool(heads)
