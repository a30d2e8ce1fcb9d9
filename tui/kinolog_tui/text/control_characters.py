"""Characters of stored texts that would control the terminal, move other characters, or have no certain width."""

from __future__ import annotations

import re

from rich.cells import cell_len

from kinolog import texts

CONTROLS = re.compile(rf"[{texts.CONTROLS}\t\n\r\u061c\u200e\u200f]")
"""What no text may hold, line ends and tabs, and marks of the direction of text. They have no width."""


EMOJI_SEQUENCE = re.compile(
    "(.?)(?:[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]|\u200d[\u2190-\u2bff\u3030-\u3299\U0001f000-\U0001faff])+"
)
"""A character, and what makes another emoji of it: variants, tones of skin, and joined emojis."""


def with_certain_widths(text: str) -> str:
    """Return a text of the same width in which each emoji is one character.

    Terminals disagree about the width of a sequence: tmux draws a heart with its variation selector in one cell, others
    in two. A line with one is then shifted, and so are the borders and columns on its right.
    """
    return text if text.isascii() else EMOJI_SEQUENCE.sub(_first_of_sequence, text)


def _first_of_sequence(found: re.Match[str]) -> str:
    return found[1] + " " * max(0, cell_len(found[0]) - cell_len(found[1]))


def without_controls(text: str) -> str:
    """Return a text without these characters. What remains of an escape sequence is visible and has no effect."""
    return text if text.isprintable() else CONTROLS.sub("", text)
