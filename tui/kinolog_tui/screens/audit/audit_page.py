"""Audits: commits of all jobs by questions, the queue as it was, heads of the record, checks and exports."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static, TabbedContent

from kinolog_client import CallerInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.audit.export_tab import ExportTab
from kinolog_tui.screens.audit.first_head import FirstHeads
from kinolog_tui.screens.audit.heads_tab import HeadsTab
from kinolog_tui.screens.audit.past_tab import PastTab
from kinolog_tui.screens.audit.search_tab import SearchTab
from kinolog_tui.screens.audit.verify_tab import VerifyTab
from kinolog_tui.screens.page import Page
from kinolog_tui.screens.page_tab import PageTab
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.widgets.audit.commit_timeline import CommitTimeline

TABS = ("search", "past", "heads", "verify", "export")
NEEDS_AUDIT = ("search", "past", "verify", "export")
FIRST_HEADS_FILE = "first_heads.json"
ACTIONS = {
    "search": {"find", "order", "counts", "more"},
    "past": {"find", "present"},
    "heads": {"forget"},
    "verify": {"find", "compare"},
    "export": {"export"},
}
"""What each tab can do."""


class AuditPage(Page):
    """Requests whose key this is, and passes it to the tabs. A tab loads when it is opened."""

    NUMBER = "7"
    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("audit.next_tab", "tab(1)", "Tab"),
        key_binding("audit.previous_tab", "tab(-1)", "Tab back", show=False),
        key_binding("audit.find", "find", "Find"),
        key_binding("audit.order", "order", "Order"),
        key_binding("audit.counts", "counts", "Who did what"),
        key_binding("audit.more", "more", "More"),
        key_binding("audit.present", "present", "Now"),
        key_binding("audit.forget", "forget", "Forget first head"),
        key_binding("audit.export", "export", "Export"),
        key_binding("audit.compare", "compare", "Compare everything"),
        key_binding("everywhere.next", "app.focus_next", "Next part", show=False),
        key_binding("everywhere.back", "leave_field", "Leave", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._caller: CallerInfo | None = None

    def body(self) -> ComposeResult:
        """The tabs."""
        yield Static(
            "This key may read the heads of the record only: the rest needs the scope audit.", id="scope"
        )
        with TabbedContent(initial="search"):
            yield SearchTab()
            yield PastTab()
            yield HeadsTab(FirstHeads(self.kinolog.store.file.with_name(FIRST_HEADS_FILE)))
            yield VerifyTab()
            yield ExportTab()

    def on_mount(self) -> None:
        """Hide the note about a missing scope."""
        self.query_one("#scope").display = False
        self._choose_keys()

    @property
    def _open(self) -> PageTab:
        tabs = self.query_one(TabbedContent)
        return self.query_one(f"#{tabs.active}", PageTab)

    def load(self) -> None:
        """Request whose key this is, and what the open tab shows."""
        self.request("caller", self.kinolog.client.who_am_i)
        self._open.load()

    def redraw(self) -> None:
        """Draw the tabs again too."""
        for tab in self.query(PageTab):
            tab.redraw()
        super().redraw()

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Offer what the key may do."""
        if not isinstance(message.value, CallerInfo):
            return
        self._caller = message.value
        may_audit = "audit" in message.value.scopes
        tabs = self.query_one(TabbedContent)
        if not may_audit:
            tabs.active = "heads"
        for name in NEEDS_AUDIT:
            (tabs.show_tab if may_audit else tabs.hide_tab)(name)
        self.query_one("#scope").display = not may_audit
        self.query_one(ExportTab).show_caller(message.value)
        self.query_one(VerifyTab).show_caller(message.value)
        self._choose_keys()

    def on_tabbed_content_tab_activated(self, message: TabbedContent.TabActivated) -> None:
        """Load the tab, and let it take the focus."""
        pane = message.pane
        if isinstance(pane, PageTab) and pane.is_open:  # another one may be by now
            pane.load()
            pane.show_open()
            self._choose_keys()

    def _choose_keys(self) -> None:
        """Show the keys that do something in this tab."""
        usable = ACTIONS[self.query_one(TabbedContent).active]
        if not self.query_one(VerifyTab).may_compare:
            usable = usable - {"compare"}
        self.leave_out(frozenset(set[str]().union(*ACTIONS.values()) - usable))

    def action_tab(self, step: int) -> None:
        """Open the next tab or the one before."""
        tabs = self.query_one(TabbedContent)
        may_audit = self._caller is None or "audit" in self._caller.scopes
        offered = TABS if may_audit else ("heads",)
        tabs.active = offered[(offered.index(tabs.active) + step) % len(offered)]

    def action_find(self) -> None:
        """Give the keys to the field of the tab."""
        match self._open:
            case SearchTab() as tab:
                tab.focus_question()
            case PastTab() as tab:
                tab.focus_moment()
            case VerifyTab() as tab:
                tab.show_open()

    def action_leave_field(self) -> None:
        """Leave the field that has the keys."""
        match self._open:
            case SearchTab() | PastTab() | VerifyTab() | ExportTab() as tab:
                tab.leave_field()

    def action_order(self) -> None:
        """Show the oldest commits first, or the newest."""
        self.query_one(SearchTab).turn()

    def action_counts(self) -> None:
        """Show who did what, or the commits."""
        self.query_one(SearchTab).toggle_counts()

    def action_more(self) -> None:
        """Show more commits."""
        self.query_one(SearchTab).load_more()

    def action_present(self) -> None:
        """Show the present queue."""
        self.query_one(PastTab).show_present()

    def action_forget(self) -> None:
        """Begin again with the last head."""
        self.query_one(HeadsTab).forget()

    def action_export(self) -> None:
        """Ask where the export goes, and begin."""
        self.query_one(ExportTab).start()

    def action_compare(self) -> None:
        """Have the server compare everything, or stop that."""
        self.query_one(VerifyTab).compare()

    def on_commit_timeline_job_chosen(self, message: CommitTimeline.JobChosen) -> None:
        """Open the job."""
        self.kinolog.open_job(message.job_id)

    def on_commit_timeline_count_chosen(self, message: CommitTimeline.CountChosen) -> None:
        """Show the commits of the row."""
        self.query_one(SearchTab).narrow(message.row)
