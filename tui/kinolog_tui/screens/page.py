"""What all pages share: the frame around them, and how they ask the gateway without waiting for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import ScreenResume
from textual.screen import Screen

from kinolog_client.live_feed import LinkState, LiveUpdates, PollDue, Told
from kinolog_client.requests import JobListFilter
from kinolog_client.rest import GatewayFailure
from kinolog_tui.keys.keymap_app import fill_key_names
from kinolog_tui.session.background import start_work
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.widgets.frame import LinkBanner, TopBar
from kinolog_tui.widgets.key_line import KeyLine

if TYPE_CHECKING:  # the application builds the pages
    from kinolog_tui.app import KinologApp

WIDE_COLUMNS = 110


class Page(Screen[None]):
    """A page: bar on top, banner when the connection is lost, the body, the keys at the bottom.

    A page asks with `ask`; the answer comes to `on_request_answered` by its key, a refusal to a toast. It reads anew in
    `load`, which is called when it is shown, when the feed is back, and at every refresh while there is no feed.
    """

    NUMBER: ClassVar[str] = ""
    STACKED: ClassVar[bool] = False
    """Whether it lies over the page that it was opened from."""
    AUTO_FOCUS = ""  # a field with the focus would take the number keys
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE_COLUMNS, "-wide")]  # noqa: RUF012  # as textual declares it

    _theme = ""
    _keys: dict[str, str] | None = None

    @property
    def kinolog(self) -> KinologApp:
        """The application."""
        return cast("KinologApp", self.app)

    def compose(self) -> ComposeResult:
        """The frame around the body."""
        yield TopBar(self.NUMBER)
        yield LinkBanner()
        with Vertical(id="body"):
            yield from self.body()
        yield KeyLine()

    def body(self) -> ComposeResult:
        """The page's own widgets."""
        raise NotImplementedError

    def load(self) -> None:
        """Ask for what the page shows."""

    def apply_updates(self, batch: LiveUpdates) -> None:
        """Bring what the feed told into what is shown."""

    def set_filter(self, which: JobListFilter) -> None:
        """Show other jobs; a page without a list has nothing to do."""

    def request(self, key: str, call: Callable[[], Awaitable[object]]) -> None:
        """Have it called without waiting; a newer request with the same key takes the place of an older one."""

        async def work() -> None:
            try:
                value = await call()
            except GatewayFailure as trouble:
                self.post_message(RequestFailed(key, trouble))
            else:
                self.post_message(RequestAnswered(key, value))

        start_work(self, work, key)

    def requesting(self, *keys: str) -> bool:
        """Whether one of these is asked and not yet answered: what is asked again and again waits for that."""
        return any(
            worker.node is self and worker.group in keys and not worker.is_finished for worker in self.workers
        )

    def on_request_failed(self, message: RequestFailed) -> None:
        """Say what went wrong and what to do; while the server is away the banner says it already."""
        trouble = message.trouble
        if trouble.status is None and self.kinolog.link.state != "live":
            return
        if not self.kinolog.errors.allows(trouble):
            return
        self.notify(
            f"{trouble.words}\n{fill_key_names(self.app, trouble.next_step)}",
            title="Not done",
            severity="error",
            markup=False,
        )

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Shown (again), as it was: painted first, then read anew. Styled anew only for another theme."""
        event.refresh_styles = event.refresh_styles and self._theme != self.app.theme
        self.show_link(self.kinolog.link)
        self.refresh_theme()
        self.refresh_key_names()
        self.call_after_refresh(self.load)

    def refresh_theme(self) -> None:
        """Draw what holds colours anew when the theme is another than when it was drawn."""
        before, self._theme = self._theme, self.app.theme
        if before not in ("", self._theme):
            self.redraw()

    def refresh_key_names(self) -> None:
        """Name the keys as they are now where they are others than when the page was drawn."""
        before, self._keys = self._keys, self.kinolog.preferences.keys
        if before is not None and before != self._keys:
            self.draw_key_names()

    def draw_key_names(self) -> None:
        """Draw anew what names keys."""
        for widget in self.query("TopBar, KeyLine"):
            widget.refresh()
        self.show_link(self.kinolog.link)

    def redraw(self) -> None:
        """Draw in the colours of the theme; what is asked for anyhow is asked for."""
        self.load()

    def receive(self, told: Told) -> None:
        """What the feed has for this page; one that is not built yet reads everything when it is."""
        if not self.is_mounted:
            return
        match told:
            case LiveUpdates():
                self.apply_updates(told)
            case PollDue():
                self.load()
            case LinkState():
                self.show_link(told)
                if told.state == "live":
                    self.load()

    def show_link(self, link: LinkState) -> None:
        """Show how the feed is connected."""
        for banner in self.query(LinkBanner):
            banner.show(link)
        for top in self.query(TopBar):
            top.show(link)
