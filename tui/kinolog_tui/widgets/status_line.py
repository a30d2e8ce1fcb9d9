"""The line above the keys: the latest message. It covers nothing."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from kinolog_tui.session.status_messages import StatusMessage
from kinolog_tui.widgets.theme_styles import style

MARKS = {"information": ("✓", "success"), "warning": ("!", "warning"), "error": ("✖", "error")}
"""A symbol and a theme colour for each severity."""


class StatusLine(Static):
    """One message; a long one takes up to three lines while it is shown."""

    _shown: tuple[StatusMessage | None, str] = (None, "")

    def show(self, message: StatusMessage | None) -> None:
        """Show a message; None clears the line."""
        seen = (message, self.app.theme)
        if seen == self._shown:
            return
        self._shown = seen
        text = Text(overflow="ellipsis")
        if message is not None:
            mark, colour = MARKS[message.severity]
            text.append(f" {mark} {message.line}", style=style(self.app, colour))
        self.update(text)
