"""An application with configurable keys, by Textual's keymap."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from textual.app import App

from kinolog_tui.keys.bindings import KEYS
from kinolog_tui.keys.keymap import display_key, keys_for
from kinolog_tui.session.preferences import Preferences


class KeymapApp(App[None]):
    """Applies the chosen keys. While `capturing_key`, a dialog waits for a key and no binding runs."""

    preferences: Preferences
    capturing_key = False

    def apply_keymap(self, keys: dict[str, str]) -> None:
        """Apply chosen keys by the ids of their bindings. The other bindings have their default keys."""
        self.preferences = replace(self.preferences, keys=keys)
        self.set_keymap(keys)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable priority bindings while a key is captured, except for the one that quits."""
        if self.capturing_key and action != "quit":
            return False
        return super().check_action(action, parameters)


def key_label(app: App[Any], name: str) -> str:
    """Return the current key of a binding as people write it; the first one if it has several."""
    chosen = app.preferences.keys if isinstance(app, KeymapApp) else {}
    return display_key(keys_for(name, chosen)[0])


def fill_key_names(app: App[Any], text: str) -> str:
    """Replace each binding id in braces by its key, as in `{job.open} opens it`."""
    return re.sub(
        r"\{([a-z]+\.[a-z_]+)\}",
        lambda found: key_label(app, found[1]) if found[1] in KEYS else found[0],
        text,
    )
