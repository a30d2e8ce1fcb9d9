"""The base of the tabs of a page."""

from __future__ import annotations

from textual.events import DescendantFocus
from textual.widgets import TabbedContent, TabPane

from kinolog_tui.screens.request_owner import RequestOwner


class PageTab(RequestOwner, TabPane):
    """A tab that starts its own requests and shows their answers."""

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Do not have the focus open this tab, as Textual would: with quick keys it comes after another tab was opened,
        and the tabs would change without end."""
        event.prevent_default()

    @property
    def is_open(self) -> bool:
        """Whether this tab is the visible one."""
        tabs = self.query_ancestor(TabbedContent)
        return tabs.active == self.id

    def load(self) -> None:
        """Start the requests for what the tab shows."""

    def show_open(self) -> None:
        """The tab became visible."""

    def redraw(self) -> None:
        """Draw again after the theme or a key changed."""
