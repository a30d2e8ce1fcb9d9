"""The application: its keys, its pages and its modes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, cast

from textual.binding import BindingType
from textual.screen import Screen
from textual.widget import AwaitMount

from kinolog_client.requests import JobListFilter
from kinolog_tui.command_palette import PaletteProvider
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.help import HelpDialog
from kinolog_tui.screens.page import Page
from kinolog_tui.session.background import start_work
from kinolog_tui.session.session import SessionApp
from kinolog_tui.widgets.frame import PAGES

STYLES = ("app", "dialogs", "dashboard", "jobs", "job", "generate", "analytics", "settings")


def _page(module: str, name: str, *facts: str) -> Page:
    """A page, loaded when somebody goes there: the first one is on the screen sooner."""
    return cast(Page, getattr(import_module(f"kinolog_tui.screens.{module}"), name)(*facts))


class KinologApp(SessionApp):
    """The dashboard."""

    TITLE = "kinolog"
    # Nothing looks another way under a dialog, and styling every widget anew takes time.
    SUSPENDED_SCREEN_CLASS = ""
    CSS_PATH = [Path(__file__).parent / "styles" / f"{name}.tcss" for name in STYLES]  # noqa: RUF012  # as textual declares it
    COMMANDS: ClassVar[set[type[Any] | Callable[[], type[Any]]]] = {PaletteProvider}
    DEFAULT_MODE = "dashboard"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "dashboard": lambda: _page("dashboard", "DashboardPage"),
        "jobs": lambda: _page("jobs", "JobsPage"),
        "generate": lambda: _page("generate", "GeneratePage"),
        "analytics": lambda: _page("analytics", "AnalyticsPage"),
        "settings": lambda: _page("settings", "SettingsPage"),
    }
    _visited = frozenset({DEFAULT_MODE})
    _mode_is_built = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(key_binding(f"everywhere.{mode}", f"page('{mode}')", name, show=False) for _, mode, name in PAGES),
        key_binding("everywhere.palette", "command_palette", "Palette", show=False, priority=True),
        key_binding("everywhere.help", "help", "Help"),
        key_binding("everywhere.renew", "renew", "Renew", show=False, priority=True),
        key_binding("everywhere.look", "light_or_dark", "Light or dark", show=False),
        key_binding("everywhere.quit", "quit", "Quit"),
    ]

    def switch_mode(self, mode: str) -> AwaitMount:
        """To another page; one that was there before is as it was, and shown at once."""
        self._mode_is_built = mode in self._visited
        self._visited |= {mode}
        return super().switch_mode(mode)

    def delay_update(self, delay: float = 0.05) -> None:
        """Textual holds back what it draws while it goes to another page: here only while that one is built."""
        if not self._mode_is_built:
            super().delay_update(delay)

    def on_ready(self) -> None:
        """The first page is there: load the others, so that no key has to."""

        async def load() -> None:
            for module in ("jobs", "job", "generate", "analytics", "settings"):
                await asyncio.to_thread(import_module, f"kinolog_tui.screens.{module}")

        start_work(self, load, "pages")

    def open_job(self, job_id: str) -> None:
        """The page of a job, over the page that is shown."""
        self._leave_job()
        self.push_screen(_page("job", "JobPage", job_id))

    def _leave_job(self) -> None:
        if isinstance(self.screen, Page) and self.screen.STACKED:
            self.pop_screen()

    def action_page(self, mode: str) -> None:
        """Go to a page; its key again leaves the job that is open over it."""
        if self.current_mode != mode:
            self.switch_mode(mode)
        else:
            self._leave_job()

    def action_jobs_with(self, status: str) -> None:
        """The list of the jobs with a status; of all when it is empty."""
        self.switch_mode("jobs")
        which = JobListFilter(statuses=(status,) if status else ())

        def set_filter() -> None:
            for screen in self.screen_stack:
                if isinstance(screen, Page):
                    screen.set_filter(which)

        self.call_later(set_filter)

    def action_help(self) -> None:
        """Every key."""
        self.push_screen(HelpDialog())

    def action_renew(self) -> None:
        """Read anew, and connect now instead of later."""
        self.feed.again()
        if isinstance(self.screen, Page):
            self.screen.load()

    def action_light_or_dark(self) -> None:
        """The other of Textual's own two themes."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"
        self.preferences = replace(self.preferences, theme=self.theme)
