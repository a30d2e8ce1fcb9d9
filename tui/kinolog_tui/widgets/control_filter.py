"""The last step before the terminal: lines without control characters and without emojis of uncertain width."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from kinolog_tui.text.control_characters import with_certain_widths, without_controls

PLAIN = Style.null()


class ControlFilter(LineFilter):
    """Removes control characters and sequences of emojis from every line, and gives parts without a style one.

    Prompts, names and log lines come from other people. Textual's filter of NO_COLOR fails on parts without a style.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the parts of a line as they may be written."""
        return [
            Segment(with_certain_widths(without_controls(text)), PLAIN if style is None else style, control)
            for text, style, control in segments
        ]
