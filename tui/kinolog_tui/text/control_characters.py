"""Characters of stored texts that would control the terminal or change the order of other characters."""

from __future__ import annotations

import re

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters, line separators, and marks of the direction of text. They have no width."""


def without_controls(text: str) -> str:
    """Return a text without these characters. What remains of an escape sequence is visible and has no effect."""
    return text if text.isprintable() else CONTROLS.sub("", text)
