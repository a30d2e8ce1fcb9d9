"""Consoles that print stored texts without what would drive the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from kinolog.texts import printable

PIPED_WIDTH = 10_000
"""Columns of output that goes into a file or another program: more than any line has."""


class PrintableConsole(Console):
    """A console that prints stored texts without what would drive the terminal: pictures of control characters."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments. Those with control codes are rich's own."""
        for segment in super().render(renderable, options):
            text = segment.text
            if (
                segment.control
                or (text.isascii() and text.isprintable())
                or (shown := printable(text)) == text
            ):
                yield segment
            else:
                yield Segment(shown, segment.style)


def console(*, stderr: bool = False) -> Console:
    """Return a console of standard output or error. Output that is no terminal has no line breaks of its own."""
    made = PrintableConsole(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made.width = PIPED_WIDTH
    return made
