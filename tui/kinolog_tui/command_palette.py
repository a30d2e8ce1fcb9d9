"""The command palette: everything by its name, and jobs by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from kinolog_client.jobs import STATUSES
from kinolog_tui.keys.keymap_app import key_label
from kinolog_tui.widgets.frame import PAGES

if TYPE_CHECKING:  # the application names this provider
    from kinolog_tui.app import KinologApp

JOB_ID_LENGTH = 26
UNLISTED_NAMESPACES = ("app", "screen", "command_palette")
"""Where actions are that are named by hand, or by the page that they belong to."""


@dataclass(frozen=True, slots=True)
class PaletteCommand:
    """A name, what it does in words, and the doing."""

    name: str
    words: str
    run: Callable[[], Any]


class PaletteProvider(Provider):
    """Pages, lists by status, what the page can do, themes."""

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
            if binding.description and binding.action.partition(".")[0] not in UNLISTED_NAMESPACES:
                yield PaletteCommand(
                    f"{binding.description}: {binding.action.partition('(')[0].replace('_', ' ')}",
                    f"key {app.get_key_display(binding)}",
                    partial(self.screen.run_action, binding.action),
                )
        yield PaletteCommand("Reconnect and read anew", key_label(app, "everywhere.renew"), app.action_renew)
        yield PaletteCommand("Light or dark", key_label(app, "everywhere.look"), app.action_light_or_dark)
        yield PaletteCommand("Help", "every key", app.action_help)
        for theme in app.available_themes:
            yield PaletteCommand(
                f"Theme {theme}", "until the next start; save it in Settings", partial(_set_theme, app, theme)
            )
        yield PaletteCommand("Quit", "leave the dashboard; jobs go on", app.exit)

    async def discover(self) -> Hits:
        """What is offered before anything is typed."""
        for command in self._commands():
            if not command.name.startswith("Theme "):
                yield DiscoveryHit(command.name, command.run, help=command.words)

    async def search(self, query: str) -> Hits:
        """What fits what was typed; an id opens its job."""
        wanted = query.strip().lower()
        if len(wanted) == JOB_ID_LENGTH and wanted.isalnum():
            app = cast("KinologApp", self.app)
            yield Hit(1.0, f"Open job {wanted}", lambda: app.open_job(wanted), help="one job by its id")
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(command.name)
            if score > 0:
                yield Hit(score, matcher.highlight(command.name), command.run, help=command.words)


def _set_theme(app: KinologApp, theme: str) -> None:
    app.theme = theme
