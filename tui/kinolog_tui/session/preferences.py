"""The preferences that Settings edits, stored as JSON in the platform's config folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from kinolog_client.partial_file import partial_file
from kinolog_tui.keys.keymap import valid_keymap

REFRESH_SECONDS = (2, 5, 10, 30, 60)
PICTURES = ("auto", "blocks", "sixel", "kitty")
"""How videos are drawn: `auto` as the terminal supports, the others regardless of it."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """Preferences with their defaults. Empty `url` and `api_key` stand for those of the command line."""

    url: str = ""
    api_key: str = ""
    theme: str = "textual-dark"
    refresh_seconds: int = 10
    toasts: bool = True
    bell: bool = False
    page_size: int = 50
    pictures: str = "auto"
    read_only: bool = False
    """Whether the dashboard only looks: it submits, cancels, retries, reprioritises and erases nothing."""
    keys: dict[str, str] = field(default_factory=dict)
    """Chosen keys by the ids of their bindings, as Textual writes them."""


def read_only_by_environment() -> bool:
    """Return whether KINOLOG_TUI_READ_ONLY makes the dashboard read only, whatever the preferences say."""
    return os.environ.get("KINOLOG_TUI_READ_ONLY", "").lower() in ("1", "true", "yes", "on")


def preferences_file() -> Path:
    """Return the file: KINOLOG_TUI_SETTINGS, else in the platform's config folder."""
    path = os.environ.get("KINOLOG_TUI_SETTINGS")
    return Path(path) if path else user_config_path("kinolog") / "tui.json"


class PreferenceStore:
    """Reads and writes the file. An unreadable file counts as empty, so that the dashboard always starts."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def load(self) -> Preferences:
        """Return the saved preferences. Missing values and values of a wrong type have their defaults."""
        try:
            saved = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Preferences()
        return _merged(Preferences(), saved) if isinstance(saved, dict) else Preferences()

    def save(self, preferences: Preferences) -> None:
        """Write the file, readable only by its owner: it may contain an API key. Raises `OSError`."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(json.dumps(asdict(preferences), indent=2) + "\n")

    def reset(self) -> Preferences:
        """Delete the file. A link or a device stays, and gets no preferences. Raises `OSError`."""
        if self.file.is_file() and not self.file.is_symlink():
            self.file.unlink()
        elif self.file.exists():
            self._write("{}\n")
        return Preferences()

    def _write(self, text: str) -> None:
        with partial_file(self.file, mode=0o600, durable=True) as file:
            file.write(text.encode())


def _merged(defaults: Preferences, saved: dict[str, Any]) -> Preferences:
    valid = {
        each.name: saved[each.name]
        for each in fields(defaults)
        if each.name in saved and type(saved[each.name]) is type(getattr(defaults, each.name))
    }
    chosen = replace(defaults, **valid)
    chosen = replace(chosen, keys=valid_keymap(chosen.keys)) if chosen.keys else chosen
    return chosen if chosen.pictures in PICTURES else replace(chosen, pictures=defaults.pictures)
