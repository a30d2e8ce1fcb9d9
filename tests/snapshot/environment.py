"""The environment of a dashboard in a test: what the caller's shell sets must not change what is drawn."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

FIXED = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TZ": "UTC"}
REMOVED = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TMUX", "XDG_CONFIG_HOME")
REMOVED_PREFIXES = ("KINOLOG_", "TEXTUAL_", "LC_", "LANG")


def settings_file(home: Path) -> Path:
    """Return where the dashboard of a test stores its settings."""
    return home / ".config" / "kinolog" / "tui.json"


def environment_of(home: Path) -> dict[str, str]:
    """Return the caller's environment with home folder, time zone, locale and terminal fixed."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in REMOVED and not name.startswith(REMOVED_PREFIXES)
    }
    settings = {"HOME": str(home), "KINOLOG_TUI_SETTINGS": str(settings_file(home))}
    return inherited | FIXED | settings


@contextmanager
def fixed_environment(home: Path) -> Iterator[None]:
    """Have this process in that environment, its time zone included."""
    try:
        with patch.dict(os.environ, environment_of(home), clear=True):
            time.tzset()
            yield
    finally:
        time.tzset()
