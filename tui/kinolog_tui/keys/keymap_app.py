"""An application whose keys a person may change, by Textual's own keymap."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from textual.app import App

from kinolog_tui.keys.bindings import KEYS
from kinolog_tui.keys.keymap import display_key, keys_for
from kinolog_tui.session.preferences import Preferences


class KeymapApp(App[None]):
    """Holds the keys of the person; `capturing_key` while a dialog waits for a key, which then does nothing else."""

    preferences: Preferences
    capturing_key = False

    def apply_keymap(self, keys: dict[str, str]) -> None:
        """Let these hold from now on: those chosen, by the names of their bindings; the others are as they came."""
        self.preferences = replace(self.preferences, keys=keys)
        self.set_keymap(keys)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that work before all others wait too, but for the one that quits."""
        if self.capturing_key and action != "quit":
            return False
        return super().check_action(action, parameters)


def key_label(app: App[Any], name: str) -> str:
    """The key of a binding as it is now, as people read it; the first one where it has several."""
    chosen = app.preferences.keys if isinstance(app, KeymapApp) else {}
    return display_key(keys_for(name, chosen)[0])


def fill_key_names(app: App[Any], words: str) -> str:
    """Words with the key of each binding that they name, as in `{job.open} opens it`."""
    return re.sub(
        r"\{([a-z]+\.[a-z_]+)\}",
        lambda found: key_label(app, found[1]) if found[1] in KEYS else found[0],
        words,
    )
