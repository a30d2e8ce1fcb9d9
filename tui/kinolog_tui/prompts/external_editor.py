"""The person's own editor for a prompt: $VISUAL, else $EDITOR."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported


class EditorFailed(Exception):
    """Why the editor was not used, and what to do."""


def edited(app: App[Any], text: str, folder: Path) -> str:
    """Return the text after the person edited it in a file of this folder. Raises `EditorFailed`."""
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        command = shlex.split(chosen)
    except ValueError as error:  # a quotation mark without the other
        raise EditorFailed(
            f"the editor {chosen} cannot be used: {error}; correct $VISUAL or $EDITOR"
        ) from error
    if not command:
        raise EditorFailed("no editor is chosen; set $EDITOR and start the dashboard again")
    file = folder / "prompt.txt"
    try:
        file.write_text(text, encoding="utf-8")
        with app.suspend():
            code = subprocess.run([*command, str(file)], check=False).returncode  # the person's own command
        if code:
            raise EditorFailed(f"{command[0]} ended with status {code}; the prompt is as it was")
        return file.read_text(encoding="utf-8").rstrip("\n")
    except SuspendNotSupported:
        raise EditorFailed("an editor needs a terminal of its own") from None
    except (OSError, ValueError) as error:
        raise EditorFailed(f"{command[0]} cannot be used: {error}") from error
    finally:
        file.unlink(missing_ok=True)
