"""What a person chose in Settings, kept as JSON in the platform's config folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from kinolog_tui.keys.keymap import valid_keymap

REFRESH_SECONDS = (2, 5, 10, 30, 60)
PICTURES = ("auto", "blocks", "sixel", "kitty")
"""How videos are drawn: as the terminal says that it can, or in one way whatever it says."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """The choices, with what holds before any is made. `url` and `api_key` empty: as the command line says."""

    url: str = ""
    api_key: str = ""
    theme: str = "textual-dark"
    refresh_seconds: int = 10
    toasts: bool = True
    bell: bool = False
    page_size: int = 50
    pictures: str = "auto"
    keys: dict[str, str] = field(default_factory=dict)
    """Keys that are other than they came, by the names of their bindings, as Textual writes them."""


def preferences_file() -> Path:
    """Where they are kept: KINOLOG_TUI_SETTINGS, else the platform's config folder."""
    given = os.environ.get("KINOLOG_TUI_SETTINGS")
    return Path(given) if given else user_config_path("kinolog") / "tui.json"


class PreferenceStore:
    """Reads and writes the file. One that is not readable counts as empty: the dashboard starts all the same."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def load(self) -> Preferences:
        """What was saved; what is missing or of the wrong kind is as it is before any choice."""
        try:
            saved = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Preferences()
        return _with(Preferences(), saved) if isinstance(saved, dict) else Preferences()

    def save(self, preferences: Preferences) -> None:
        """Write the file, readable to its owner alone: it may hold a key. Raises OSError."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        part.touch(mode=0o600)
        part.chmod(0o600)
        part.write_text(json.dumps(asdict(preferences), indent=2) + "\n", encoding="utf-8")
        part.replace(self.file)

    def reset(self) -> Preferences:
        """Forget what was saved. Raises OSError."""
        self.file.unlink(missing_ok=True)
        return Preferences()


def _with(start: Preferences, saved: dict[str, Any]) -> Preferences:
    known = {
        each.name: saved[each.name]
        for each in fields(start)
        if each.name in saved and type(saved[each.name]) is type(getattr(start, each.name))
    }
    chosen = replace(start, **known)
    chosen = replace(chosen, keys=valid_keymap(chosen.keys)) if chosen.keys else chosen
    return chosen if chosen.pictures in PICTURES else replace(chosen, pictures=start.pictures)
