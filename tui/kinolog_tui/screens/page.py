"""The base of all pages: the frame around them, and how they follow the live feed, the theme and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import ScreenResume
from textual.screen import Screen
from textual.timer import Timer

from kinolog_client import AlarmInfo, JobInfo, LinkState, PollDue
from kinolog_tui.screens.request_owner import RequestOwner
from kinolog_tui.session.job_list_filter import JobListFilter
from kinolog_tui.session.live_feed import FeedEvent, LiveUpdates
from kinolog_tui.session.status_messages import StatusMessage
from kinolog_tui.widgets.alarm_banner import AlarmBanner
from kinolog_tui.widgets.frame import LinkBanner, TopBar
from kinolog_tui.widgets.key_line import KeyLine
from kinolog_tui.widgets.status_line import StatusLine

WIDE_COLUMNS = 110


class Page(RequestOwner, Screen[None]):
    """A page: the bar on top, a banner when the connection is lost, the body, the status line, the keys.

    `load` requests everything that the page shows. It runs when the page is shown, when the feed is connected again,
    and at every poll while there is no feed.
    """

    NUMBER: ClassVar[str] = ""
    STACKED: ClassVar[bool] = False
    """Whether it is pushed onto the page that it was opened from."""
    LOADS_PERIODICALLY: ClassVar[bool] = False
    """Whether `load_periodically` runs at the refresh interval of the preferences."""
    AUTO_FOCUS = ""  # a focused field would take the number keys
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE_COLUMNS, "-wide")]  # noqa: RUF012  # as textual declares it

    unusable_actions: frozenset[str] = frozenset()
    """Actions that would do nothing now: by name, such as `turn`, or with their arguments, such as `turn(1)`."""

    @property
    def late_actions(self) -> frozenset[str]:
        """Names of actions that the bottom line leaves out first if it has no room for all."""
        return frozenset()

    @property
    def hidden_actions(self) -> frozenset[str]:
        """Names of actions that the bottom line leaves out."""
        return self.unusable_actions

    def leave_out(self, unusable: frozenset[str]) -> None:
        """Leave the keys of these actions out of the bottom line, and show the others."""
        if unusable != self.unusable_actions:
            self.unusable_actions = unusable
            self.refresh_bindings()

    _refresh_timer: Timer | None = None
    _refresh_seconds = 0
    _drawn_theme = ""
    _drawn_keys: dict[str, str] | None = None

    def compose(self) -> ComposeResult:
        """The frame around the body."""
        # Textual adds the class when the page has its size, and computes the styles of all its widgets again then.
        self.add_class("-wide" if self.app.size.width >= WIDE_COLUMNS else "-narrow")
        self._drawn_theme = self.app.theme
        yield TopBar(self.NUMBER)
        yield LinkBanner()
        yield AlarmBanner()
        with Vertical(id="body"):
            yield from self.body()
        yield StatusLine()
        yield KeyLine()

    def body(self) -> ComposeResult:
        """The page's own widgets."""
        raise NotImplementedError

    def load(self) -> None:
        """Request what the page shows."""

    def load_what_is_stale(self) -> None:
        """Request what changed since it was requested. Pages that show live data call this at intervals."""

    def load_periodically(self) -> None:
        """Request what no live update brings."""

    def _follow_refresh_interval(self) -> None:
        """Have the timer of `load_periodically` run at the interval of the preferences, which can change."""
        seconds = self.kinolog.preferences.refresh_seconds
        if not self.LOADS_PERIODICALLY or seconds == self._refresh_seconds:
            return
        if self._refresh_timer is not None:
            self._refresh_timer.stop()
        self._refresh_seconds = seconds
        self._refresh_timer = self.set_interval(seconds, self.load_periodically, name="refresh")

    def apply_updates(self, batch: LiveUpdates) -> None:
        """Apply live updates to what is shown."""

    def set_filter(self, job_filter: JobListFilter) -> None:
        """List other jobs. Pages without a list ignore it."""

    def fill(self, job: JobInfo) -> None:
        """Fill the form with the request of a job. Pages without a form ignore it."""

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Show the page as it was, then load it. Styles are computed again only if the theme changed."""
        event.refresh_styles = event.refresh_styles and self._drawn_theme != self.app.theme
        self.show_link(self.kinolog.link)
        self.show_alarms(self.kinolog.alarms)
        self.kinolog.show_message()
        self.refresh_theme()
        self.refresh_key_names()
        self._follow_refresh_interval()
        self.query_one(KeyLine).refresh()
        self.call_after_refresh(self.load)

    def on_screen_suspend(self) -> None:
        """Another screen covers the page: its keys do nothing."""
        self.query_one(KeyLine).refresh()

    def refresh_theme(self) -> None:
        """Draw again if the theme changed since the page was drawn."""
        before, self._drawn_theme = self._drawn_theme, self.app.theme
        if before not in ("", self._drawn_theme):
            self.kinolog.show_message()
            self.redraw()

    def refresh_key_names(self) -> None:
        """Draw the names of keys again if keys changed since the page was drawn."""
        before, self._drawn_keys = self._drawn_keys, self.kinolog.preferences.keys
        if before is not None and before != self._drawn_keys:
            self.draw_key_names()

    def draw_key_names(self) -> None:
        """Draw everything that names keys again."""
        for widget in self.query("TopBar, KeyLine"):
            widget.refresh()
        self.show_link(self.kinolog.link)

    def redraw(self) -> None:
        """Draw again in the colours of the theme. What is requested periodically is requested now."""
        self.load()

    def receive(self, event: FeedEvent) -> None:
        """Handle an event of the feed. A page that is not mounted loads everything when it is."""
        if not self.is_mounted:
            return
        match event:
            case LiveUpdates():
                self.apply_updates(event)
            case PollDue():
                self.load()
            case LinkState():
                self.show_link(event)
                if event.state == "live":
                    self.load()

    def show_message(self, message: StatusMessage | None) -> None:
        """Show a message in the status line; None clears it."""
        for line in self.query(StatusLine):
            line.show(message)

    def show_alarms(self, alarms: Sequence[AlarmInfo]) -> None:
        """Show the alarms that stand."""
        for banner in self.query(AlarmBanner):
            banner.show(alarms)

    def show_link(self, link: LinkState) -> None:
        """Show whether the feed is connected."""
        for banner in self.query(LinkBanner):
            banner.show(link)
        for bar in self.query(TopBar):
            bar.show(link)
