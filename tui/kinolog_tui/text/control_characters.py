"""Characters of stored texts that would control the terminal or change the order of other characters."""

from __future__ import annotations

import re

from kinolog import texts

CONTROLS = re.compile(rf"[{texts.CONTROLS}\t\n\r\u061c\u200e\u200f]")
"""What no text may hold, line ends and tabs, and marks of the direction of text. They have no width."""


def without_controls(text: str) -> str:
    """Return a text without these characters. What remains of an escape sequence is visible and has no effect."""
    return text if text.isprintable() else CONTROLS.sub("", text)
