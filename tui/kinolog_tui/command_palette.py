"""The command palette: every command by its name, and jobs by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from kinolog_client import STATUSES, GatewayError, JobSelection
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.widgets.frame import PAGES

if TYPE_CHECKING:  # the application names this provider
    from kinolog_tui.app import KinologApp

JOB_ID_LENGTH = 26
SHORT_ID = 4
"""Characters of an id from which on jobs are searched by it."""
MOST_JOBS = 10
UNLISTED_NAMESPACES = ("app", "screen", "command_palette")
"""Namespaces of actions that are not listed as bindings of the page."""


@dataclass(frozen=True, slots=True)
class PaletteCommand:
    """A command: its name, its description, and the function that runs it."""

    name: str
    help: str
    run: Callable[[], Any]


class PaletteProvider(Provider):
    """Offers pages, lists by status, the bindings of the page, and themes."""

    def _commands(self) -> Iterable[PaletteCommand]:
        app = cast("KinologApp", self.app)
        for _, mode, name in PAGES:
            key = key_label(app, f"everywhere.{mode}")
            yield PaletteCommand(f"Go to {name}", f"key {key}", partial(app.action_page, mode))
        for status in STATUSES:
            yield PaletteCommand(
                f"Show {status} jobs",
                "the list with this filter",
                partial(app.action_jobs_with, status),
            )
        for _, binding, _, _ in self.screen.active_bindings.values():
            if binding.id is not None and binding.id.startswith("everywhere."):
                continue  # they move, or have a command above or below
            if binding.description and binding.action.partition(".")[0] not in UNLISTED_NAMESPACES:
                yield PaletteCommand(
                    f"{binding.description}: {binding.action.partition('(')[0].replace('_', ' ')}",
                    f"key {app.get_key_display(binding)}",
                    partial(self.screen.run_action, binding.action),
                )
        yield PaletteCommand("Reconnect and load again", key_label(app, "everywhere.renew"), app.action_renew)
        yield PaletteCommand("Light or dark", key_label(app, "everywhere.look"), app.action_light_or_dark)
        yield PaletteCommand("Help", "every key", app.action_help)
        for theme in app.available_themes:
            yield PaletteCommand(
                f"Theme {theme}", "until the next start; save it in Settings", partial(_set_theme, app, theme)
            )
        yield PaletteCommand("Quit", "leave the dashboard; jobs go on", app.exit)

    async def _jobs(self, typed: str) -> list[tuple[str, str]]:
        """Return jobs whose ids begin with what is typed, with their prompts. A complete id needs no request."""
        if not typed.isalnum() or not SHORT_ID <= len(typed) <= JOB_ID_LENGTH:
            return []
        if len(typed) == JOB_ID_LENGTH:
            return [(typed, "one job by its id")]
        client = cast("KinologApp", self.app).client
        try:
            page = await client.jobs(JobSelection(text=typed), limit=MOST_JOBS)
        except GatewayError:
            return []  # the commands are found without the server
        return [(job.job_id, job.prompt or "(erased)") for job in page.jobs if job.job_id.startswith(typed)]

    async def discover(self) -> Hits:
        """Yield all commands except themes, before anything is typed."""
        for command in self._commands():
            if not command.name.startswith("Theme "):
                yield DiscoveryHit(command.name, command.run, help=command.help)

    async def search(self, query: str) -> Hits:
        """Yield matching commands. A job id or its beginning yields commands that open jobs."""
        for job_id, words in await self._jobs(query.strip().lower()):
            app = cast("KinologApp", self.app)
            yield Hit(1.0, f"Open job {job_id}", partial(app.open_job, job_id), help=words)
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(command.name)
            if score > 0:
                yield Hit(score, matcher.highlight(command.name), command.run, help=command.help)


def _set_theme(app: KinologApp, theme: str) -> None:
    app.theme = theme
