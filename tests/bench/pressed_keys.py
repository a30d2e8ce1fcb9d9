"""Keys that are pressed in the dashboard, each timed until its effect is on the screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.fixtures.screen import Screen
from tests.fixtures.terminal import Terminal

Shown = Callable[[Screen], object]

FIRST_ROW = 3
"""Screen row of the first job: bar, chips and the table's headings are above it."""
CURSOR_COLUMN = 30
PAUSE_SECONDS = 0.1
DOWN, UP, HOME, ESCAPE = "\x1b[B", "\x1b[A", "\x1b[H", "\x1b"


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds from a key press to its paint, and the processor seconds of the program in that time."""

    seconds: float
    worked_seconds: float


def press_keys(terminal: Terminal, presses: int) -> dict[str, list[Reading]]:
    """Press each kind of key and return its readings, by what the key does."""
    readings = {"cursor": steps(terminal, FIRST_ROW, presses)}
    for _ in range(presses // 3):
        for name, key, shown, then in (
            ("next page", "n", _turning("51–100 of"), showing("51–100 of")),
            ("next page", "p", _turning("1–50 of"), showing("1–50 of")),
            ("other page", "1", showing("activity"), None),
            ("other page", "2", showing("newest first"), None),
            ("search line", "/", showing("text in the prompt"), None),
        ):
            readings.setdefault(name, []).append(_pressed(terminal, key, shown))
            if then is not None:
                terminal.until(then)
            terminal.idle(PAUSE_SECONDS)
        terminal.press(
            ESCAPE, lambda screen: "text in the prompt" not in screen.text()
        )  # the terminal waits for more keys after an escape
    return readings


def steps(terminal: Terminal, top: int, presses: int) -> list[Reading]:
    """Move the cursor down row by row and up again. Each reading ends when the new row is highlighted."""
    readings = []
    terminal.press(HOME, _highlighted(top))
    depth = min(20, presses)
    for number in range(presses):
        phase = number % (2 * depth)
        row = phase + 1 if phase < depth else 2 * depth - phase - 1
        highlighted = _highlighted(top + row)
        if not highlighted(terminal.screen):  # else nothing would be timed
            readings.append(_pressed(terminal, DOWN if phase < depth else UP, highlighted))
        terminal.idle(PAUSE_SECONDS)
    return readings


def showing(words: str) -> Shown:
    """Return a condition: these words are on the screen."""
    return lambda screen: words in screen.text()


def _turning(words: str) -> Shown:
    """Return a condition: the list shows that it reads another page, or shows that page already."""
    return lambda screen: "reading …" in screen.text() or words in screen.text()


def _highlighted(row: int) -> Shown:
    """Return a condition: the row has another background than the rows around it."""

    def highlighted(screen: Screen) -> bool:
        here = screen.background(row, CURSOR_COLUMN)
        others = {screen.background(near, CURSOR_COLUMN) for near in (row - 1, row + 1, row + 2)}
        return bool(here) and here not in others

    return highlighted


def _pressed(terminal: Terminal, key: str, shown: Shown) -> Reading:
    before = terminal.worked_seconds()
    return Reading(terminal.press(key, shown), terminal.worked_seconds() - before)
