"""The frame of a page: the bar with the pages' names, and the banner of a lost connection."""

from __future__ import annotations

from rich.text import Text
from textual.app import RenderResult
from textual.events import Click
from textual.reactive import reactive
from textual.widgets import Static

from kinolog_client import LinkState
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.widgets.theme_styles import style

PAGES = (
    ("1", "dashboard", "Dashboard"),
    ("2", "jobs", "Jobs"),
    ("3", "generate", "Generate"),
    ("4", "analytics", "Analytics"),
    ("5", "settings", "Settings"),
    ("6", "films", "Films"),
    ("7", "audit", "Audit"),
)
"""Default key, mode and name of each page."""
ROOMY_COLUMNS = 90
"""From this width on, the bar has room for the product's name and blanks around the names of pages."""
SHORT_NAMES = {"dashboard": "Board"}
"""Names of pages for narrow screens."""
LINK_MARKS = {
    "live": ("● live", "success"),
    "connecting": ("◌ connecting", "warning"),
    "polling": ("◔ polling", "warning"),
    "offline": ("✖ offline", "error"),
}


class TopBar(Static):
    """The name of the product, the pages with their keys, and the state of the connection."""

    link: reactive[LinkState] = reactive(LinkState("connecting"))

    def __init__(self, number: str) -> None:
        super().__init__()
        self._number = number

    def show(self, link: LinkState) -> None:
        """Show whether the feed is connected."""
        self.link = link

    def render(self) -> RenderResult:
        """Render one line; on a narrow screen without the product's name."""
        text = Text(no_wrap=True, end="")
        self._starts: list[tuple[int, str]] = []
        roomy = self.size.width >= ROOMY_COLUMNS
        if roomy:
            text.append(" kinolog ", style=style(self.app, "primary", bold=True))
        for number, mode, name in PAGES:
            self._starts.append((len(text), mode))
            here = number == self._number
            key = key_label(self.app, f"everywhere.{mode}")
            text.append(f" {key}", style=style(self.app, "accent", bold=True))
            name = name if roomy else SHORT_NAMES.get(mode, name)
            text.append(f" {name} " if roomy else f" {name}", style="reverse bold" if here else "")
        words, colour = LINK_MARKS[self.link.state]
        if getattr(self.app, "read_only", False):
            words = f"{'read only' if roomy else 'ro'} {words}"
        room = self.content_size.width - len(text) - len(words)
        text.append(" " * max(1, room))
        text.append(words, style=style(self.app, colour))
        return text

    async def on_click(self, event: Click) -> None:
        """Go to the page whose name was clicked."""
        here = [mode for start, mode in self._starts if start <= event.x]
        if here:
            await self.app.run_action(f"page('{here[-1]}')")


class LinkBanner(Static):
    """Shows that updates are not live, and why. Hidden while they are."""

    def show(self, link: LinkState) -> None:
        """Show or hide the banner."""
        self.display = link.state in ("polling", "offline")
        now = f"{key_label(self.app, 'everywhere.renew')} tries now."
        if link.state == "offline":
            self.update(Text(f" The server is away: {link.cause} Trying again by itself; {now}"))
        elif link.state == "polling":
            self.update(Text(f" No live updates; polling instead. Nothing is missed. {now}"))
        self.set_class(link.state == "offline", "-offline")
