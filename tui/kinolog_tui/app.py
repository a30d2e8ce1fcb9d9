"""The application: its keys, its pages and its modes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.command import CommandPalette
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.widget import AwaitMount

from kinolog_client import JobInfo
from kinolog_tui.command_palette import PaletteProvider
from kinolog_tui.downloads import remove_dead_folders
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens import lazy_pages
from kinolog_tui.screens.dialogs.confirm import ConfirmDialog
from kinolog_tui.screens.dialogs.help import HelpDialog
from kinolog_tui.screens.page import Page
from kinolog_tui.session.background import start_work
from kinolog_tui.session.job_list_filter import JobListFilter
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.session_app import SessionApp
from kinolog_tui.terminal_driver import TerminalDriver
from kinolog_tui.widgets.frame import PAGES

STYLES = ("app", "dialogs", "dashboard", "jobs", "job", "generate", "analytics", "settings", "films", "audit")


class KinologApp(SessionApp):
    """The dashboard."""

    TITLE = "kinolog"
    # Nothing changes its looks below a dialog, and computing every widget's styles again takes time.
    SUSPENDED_SCREEN_CLASS = ""
    CSS_PATH = [Path(__file__).parent / "styles" / f"{name}.tcss" for name in STYLES]  # noqa: RUF012  # as textual declares it
    COMMANDS: ClassVar[set[type[Any] | Callable[[], type[Any]]]] = {PaletteProvider}
    DEFAULT_MODE = "dashboard"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "dashboard": lambda: lazy_pages.dashboard_page()(),
        "jobs": lambda: lazy_pages.jobs_page()(),
        "generate": lambda: lazy_pages.generate_page()(),
        "analytics": lambda: lazy_pages.analytics_page()(),
        "settings": lambda: lazy_pages.settings_page()(),
        "films": lambda: lazy_pages.films_page()(),
        "audit": lambda: lazy_pages.audit_page()(),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *(key_binding(f"everywhere.{mode}", f"page('{mode}')", name, show=False) for _, mode, name in PAGES),
        key_binding("everywhere.palette", "command_palette", "Palette", show=False, priority=True),
        key_binding("everywhere.help", "help", "Help"),
        key_binding("everywhere.renew", "renew", "Renew", show=False, priority=True),
        key_binding("everywhere.look", "light_or_dark", "Light or dark", show=False),
        key_binding("everywhere.quit", "leave_dashboard", "Quit"),
    ]
    _visited_modes = frozenset({DEFAULT_MODE})
    _mode_is_built = False
    has_unsent_prompt = False
    """Whether the form of Generate has a prompt that was not submitted."""

    def get_driver_class(self) -> type[Driver]:
        """Return Textual's driver, or for a terminal the one that outlives it."""
        driver = super().get_driver_class()
        return TerminalDriver if driver is LinuxDriver else driver

    def switch_mode(self, mode: str) -> AwaitMount:
        """Go to another page. One that was visited before is shown at once, as it was."""
        self._mode_is_built = mode in self._visited_modes
        self._visited_modes |= {mode}
        return super().switch_mode(mode)

    def delay_update(self, delay: float = 0.05) -> None:
        """Hold back drawing while a page is built. Textual does so at every change of page."""
        if not self._mode_is_built:
            super().delay_update(delay)

    def on_ready(self) -> None:
        """Import the other pages after the first one is painted, so that no key has to wait for an import.

        The folders of dead dashboards are removed then too.
        """

        async def load() -> None:
            for page in lazy_pages.ALL:
                await asyncio.to_thread(page)
            await asyncio.to_thread(remove_dead_folders, self.downloads.path.parent)

        start_work(self, load, "pages")

    def open_job(self, job_id: str) -> None:
        """Push the page of a job onto the page that is shown."""
        self._close_job()
        self.push_screen(lazy_pages.job_page()(job_id))

    def _close_job(self) -> None:
        if isinstance(self.screen, Page) and self.screen.STACKED:
            self.pop_screen()

    def make_again(self, job: JobInfo) -> None:
        """Go to Generate, with its form filled with the request of a job."""
        self.switch_mode("generate")

        def fill() -> None:
            if isinstance(self.screen, Page):
                self.screen.fill(job)

        self.call_later(fill)

    def action_page(self, mode: str) -> None:
        """Go to a page. Its key pressed again closes the job that is open over it."""
        if self.current_mode != mode:
            self.switch_mode(mode)
        else:
            self._close_job()

    def action_jobs_with(self, status: str) -> None:
        """List the jobs with a status; all jobs if it is empty."""
        self.list_jobs(JobListFilter(statuses=(status,) if status else ()))

    def list_jobs(self, job_filter: JobListFilter) -> None:
        """Go to the list of jobs, with a filter. A job that is open over it closes."""
        self.switch_mode("jobs")
        self._close_job()

        def set_filter() -> None:
            for screen in self.screen_stack:
                if isinstance(screen, Page):
                    screen.set_filter(job_filter)

        self.call_later(set_filter)

    def action_command_palette(self) -> None:
        """Open the palette, which finds jobs too."""
        if not isinstance(self.screen, CommandPalette):
            words = "a command, or the first characters of a job's id"
            self.push_screen(CommandPalette(placeholder=words, id="--command-palette"))

    def action_help(self) -> None:
        """Show every key."""
        self.push_screen(HelpDialog())

    def action_help_quit(self) -> None:
        """Name the keys that quit: ctrl+c, which copies in fields, does not."""
        self.notify(f"{key_label(self, 'everywhere.quit')} or ctrl+q quits")

    def action_leave_dashboard(self) -> None:
        """Quit. A letter does not lose a prompt that was typed: then the person is asked."""

        def answered(yes: bool | None) -> None:
            if yes:
                self.exit()

        if self.has_unsent_prompt:
            words = "The prompt on Generate is not sent. Jobs go on."
            self.push_screen(ConfirmDialog("Quit the dashboard?", words, "Quit"), answered)
        else:
            self.exit()

    def action_renew(self) -> None:
        """Load the page again, and connect now instead of after the pause."""
        self.feed.reconnect_now()
        if isinstance(self.screen, Page):
            self.screen.load()

    def action_light_or_dark(self) -> None:
        """Switch between Textual's two default themes."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"
        self.preferences = replace(self.preferences, theme=self.theme)
