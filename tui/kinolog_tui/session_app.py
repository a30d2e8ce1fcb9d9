"""The session of the application: preferences, connection to the gateway, and live feed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.theme import Theme
from textual.worker import Worker

from kinolog.process.setting_groups.tls import ClientTlsSettings
from kinolog_client import (
    TERMINAL,
    AlarmInfo,
    AsyncKinologClient,
    Certificates,
    GatewayError,
    JobEnded,
    JobUpdated,
    LinkState,
    LiveSettings,
)
from kinolog_tui.downloads import DownloadFolder
from kinolog_tui.graphics.capabilities import TerminalCapabilities
from kinolog_tui.parsed_stylesheet import ParsedStylesheet
from kinolog_tui.screens.page import Page
from kinolog_tui.session.background import await_work, end_work, start_work
from kinolog_tui.session.error_throttle import ErrorThrottle
from kinolog_tui.session.keymap_app import KeymapApp
from kinolog_tui.session.live_feed import SETTINGS, LiveFeed, LiveUpdates
from kinolog_tui.session.messages import AlarmsReceived, FeedEventReceived
from kinolog_tui.session.preferences import (
    Preferences,
    PreferenceStore,
    preferences_file,
    read_only_by_environment,
)
from kinolog_tui.session.status_messages import StatusMessage, StatusMessages
from kinolog_tui.text import clock
from kinolog_tui.text.display_text import short_id
from kinolog_tui.widgets.control_filter import ControlFilter
from kinolog_tui.widgets.theme_styles import readable_variables

ALARM_SECONDS = 10.0
"""How often the alarms are requested: as often as their sources announce them."""
_CONTROL_FILTER = ControlFilter()
TIMEOUT_SECONDS = 20.0
"""How long an answer may take. A page loads again by itself, so nothing is sent twice."""


class SessionApp(KeymapApp):
    """An application of the gateway at `url`, or of the server that was chosen in Settings."""

    FEED_SETTINGS: ClassVar[LiveSettings] = SETTINGS
    """Times of the live connection."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        store: PreferenceStore | None = None,
        capabilities: TerminalCapabilities | None = None,
    ) -> None:
        super().__init__()
        self.stylesheet = ParsedStylesheet(variables=self.theme_variables)
        self._capabilities = capabilities or TerminalCapabilities()
        self.errors = ErrorThrottle(lambda: clock.monotonic())
        self.messages = StatusMessages()
        self.alarms: tuple[AlarmInfo, ...] = ()
        self.store = store or PreferenceStore(preferences_file())
        self.preferences = self.store.load()
        self._read_only = read_only_by_environment()
        self.default_url, self._default_key = url.rstrip("/"), api_key
        self.link = LinkState("connecting")
        self.downloads = DownloadFolder()
        self._connect()

    @property
    def graphics(self) -> TerminalCapabilities:
        """The graphics to use: the chosen kind, else what the terminal supports."""
        chosen = self.preferences.pictures
        return (
            self._capabilities if chosen == "auto" else TerminalCapabilities(chosen, self._capabilities.cell)
        )

    @property
    def read_only(self) -> bool:
        """Whether the dashboard only looks."""
        return self._read_only or self.preferences.read_only

    def may_write(self) -> bool:
        """Return whether a command may be sent. If not, the status line says why."""
        if self.read_only:
            where = "KINOLOG_TUI_READ_ONLY is set" if self._read_only else "Settings change it"
            self.notify(f"the dashboard is read only; {where}", title="Not sent", severity="warning")
        return not self.read_only

    @property
    def temporary_folder(self) -> Path:
        """The folder for files that nobody keeps. It is deleted when the dashboard ends. Raises `OSError`."""
        return self.downloads.open()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what every line passes on its way to the terminal."""
        return [_CONTROL_FILTER, *super().get_line_filters()]

    def get_css_variables(self) -> dict[str, str]:
        """Return the variables of the theme, with text in shades that can be read."""
        variables = super().get_css_variables()
        readable = readable_variables(variables, dark=self.current_theme.dark)
        self.theme_variables = variables | readable
        return self.theme_variables

    def _connect(self) -> None:
        """Connect to the server of the preferences; if they cannot be used, to that of the command line."""
        url, key = self.preferences.url or self.default_url, self.preferences.api_key or self._default_key
        self._refusal = ""
        try:
            self.client = _client(url, key)
        except GatewayError as error:
            self._refusal = f"{error}; the dashboard shows {self.default_url}"
            self.client = _client(self.default_url, self._default_key)
        self.feed = LiveFeed(self.client, self.FEED_SETTINGS)

    def _show_refusal(self) -> None:
        """Show why the server of the preferences is not used."""
        if self._refusal:
            self.notify(self._refusal, severity="error")

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show a message in the status line. Textual's toasts would cover the list. `markup` is ignored."""
        now = clock.monotonic()
        ends = self.messages.add(StatusMessage(message, title, severity), now, timeout)
        self.set_timer(ends - now, self.show_message, name="status")
        self.show_message()

    def show_message(self) -> None:
        """Show the message that is due on every page of the screen."""
        message = self.messages.current(clock.monotonic())
        for screen in self.screen_stack:
            if isinstance(screen, Page) and screen.is_mounted:
                screen.show_message(message)

    def on_mount(self) -> None:
        """Apply the preferred theme and keys, and start the feed."""
        if self.preferences.keys:
            self.set_keymap(self.preferences.keys)
        if self.preferences.theme in self.available_themes:
            self.theme = self.preferences.theme
        self.theme_changed_signal.subscribe(self, self._refresh_theme)
        self._start_feed()
        self._show_refusal()
        self.set_interval(ALARM_SECONDS, self.request_alarms)

    def _refresh_theme(self, _: Theme) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, Page) and screen.is_mounted:
                screen.refresh_theme()

    async def on_unmount(self) -> None:
        """End the background work, then close its connections and delete its temporary folder."""
        await end_work(list(self.workers))
        await self.client.close()
        self.downloads.close()

    def _start_feed(self) -> None:
        feed = self.feed

        async def follow() -> None:
            async for event in feed.events():
                self.post_message(FeedEventReceived(event))

        start_work(self, follow, "feed")

    def request_alarms(self) -> None:
        """Request the alarms that stand. A server that is away or has no such route has the last known ones."""

        async def work() -> None:
            with suppress(GatewayError):
                self.post_message(AlarmsReceived((await self.client.alarms()).alarms))

        start_work(self, work, "alarms")

    def on_alarms_received(self, message: AlarmsReceived) -> None:
        """Show the alarms on every page of the screen."""
        self.alarms = message.alarms
        for screen in self.screen_stack:
            if isinstance(screen, Page) and screen.is_mounted:
                screen.show_alarms(self.alarms)

    def on_feed_event_received(self, message: FeedEventReceived) -> None:
        """Pass an event to the pages on the screen. The others load again when they are shown."""
        event = message.event
        if isinstance(event, LinkState):
            self.link = event
            if event.state == "live":
                self.request_alarms()
        if isinstance(event, LiveUpdates):
            self._forget_erased(event)
            self._announce_ended(event)
        for screen in self.screen_stack:
            if isinstance(screen, Page):
                screen.receive(event)

    def _forget_erased(self, batch: LiveUpdates) -> None:
        """Delete what is downloaded of jobs that were erased."""
        for message in batch.messages:
            if isinstance(message, JobUpdated | JobEnded) and message.state.job is not None:
                self.downloads.forget(message.state.job)

    def _announce_ended(self, batch: LiveUpdates) -> None:
        """Report jobs that ended with this batch. A later commit of an ended job, such as its erasure, is no end."""
        ended = [
            message
            for message in batch.messages
            if isinstance(message, JobEnded) and not TERMINAL.isdisjoint(message.state.events)
        ]
        if ended and self.preferences.bell:
            self.bell()
        if ended and self.preferences.toasts:
            last = ended[-1]
            text = f"{short_id(last.job_id)} {last.state.status}"
            more = f", and {len(ended) - 1} more ended" if len(ended) > 1 else ""
            self.notify(text + more, severity="error" if last.state.status == "failed" else "information")

    def apply_preferences(self, preferences: Preferences) -> None:
        """Apply preferences. Another server or API key opens another connection."""
        before, self.preferences = self.preferences, preferences
        if preferences.theme in self.available_themes:
            self.theme = preferences.theme
        if before.keys != preferences.keys:
            self.apply_keymap(preferences.keys)
        if (before.url, before.api_key) != (preferences.url, preferences.api_key):
            old, running = self.client, list(self.workers)
            self._connect()
            self.post_message(AlarmsReceived(()))  # those of the other server
            self.request_alarms()
            self._start_feed()
            self._show_refusal()
            start_work(self, partial(_close_after, old, running), "closing", exclusive=False)

    def watch_job(self, job_id: str | None, line: int = 0) -> None:
        """Subscribe to the log lines after `line` and the previews of a job; None unsubscribes."""
        start_work(self, partial(self.feed.watch, job_id, line), "watch", exclusive=False)

    def preview_jobs(self, job_ids: frozenset[str]) -> None:
        """Subscribe to the previews of these jobs, and of no others but the watched one."""
        start_work(self, partial(self.feed.preview, job_ids), "preview-jobs", exclusive=False)


async def _close_after(client: AsyncKinologClient, workers: list[Worker[Any]]) -> None:
    """Close a client once the workers that may use it have ended."""
    try:
        await await_work(workers)
    finally:
        await client.close()


def _client(url: str, key: str | None) -> AsyncKinologClient:
    settings = ClientTlsSettings()
    certificates = Certificates.given(settings.ca_file, settings.client_certificate, settings.client_key)
    return AsyncKinologClient(url, key, timeout_seconds=TIMEOUT_SECONDS, retries=0, certificates=certificates)
