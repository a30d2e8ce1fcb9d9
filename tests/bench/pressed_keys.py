"""Keys that are pressed in the dashboard, each timed until its effect is on the screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.fixtures.screen import Screen
from tests.fixtures.terminal import Terminal

Shown = Callable[[Screen], object]

FIRST_ROW = 3
"""Screen row of the first job: bar, chips and the table's headings stand above it."""
CURSOR_COLUMN = 30
PAUSE_SECONDS = 0.1
DOWN, UP, HOME, ESCAPE = "\x1b[B", "\x1b[A", "\x1b[H", "\x1b"


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds from a key to its paint, and how many of them the program worked."""

    seconds: float
    worked_seconds: float


def press_keys(terminal: Terminal, presses: int) -> dict[str, list[Reading]]:
    """Readings by what the key does."""
    readings = {"cursor": steps(terminal, FIRST_ROW, presses)}
    for _ in range(presses // 3):
        for name, key, shown, then in (
            ("next page", "n", _turning("51–100 of"), showing("51–100 of")),
            ("next page", "p", _turning("1–50 of"), showing("1–50 of")),
            ("other page", "1", showing("activity"), None),
            ("other page", "2", showing("created at"), None),
            ("search line", "/", showing("text in the prompt"), None),
        ):
            readings.setdefault(name, []).append(_pressed(terminal, key, shown))
            if then is not None:
                terminal.until(then)
            terminal.idle(PAUSE_SECONDS)
        terminal.press(
            ESCAPE, lambda screen: "text in the prompt" not in screen.text()
        )  # it waits for more keys
    return readings


def steps(terminal: Terminal, top: int, presses: int) -> list[Reading]:
    """The cursor goes down row by row, and up again; each time until the row that it comes to is the lit one."""
    readings = []
    terminal.press(HOME, _lit(top))
    room = min(20, presses)
    for number in range(presses):
        place = number % (2 * room)
        row = place + 1 if place < room else 2 * room - place - 1
        lit = _lit(top + row)
        if not lit(terminal.screen):  # else nothing would be timed
            readings.append(_pressed(terminal, DOWN if place < room else UP, lit))
        terminal.idle(PAUSE_SECONDS)
    return readings


def showing(words: str) -> Shown:
    """Whether these words are on the screen."""
    return lambda screen: words in screen.text()


def _turning(words: str) -> Shown:
    """Whether the list says that it reads another page, or shows it already."""
    return lambda screen: "reading …" in screen.text() or words in screen.text()


def _lit(row: int) -> Shown:
    """Whether the row stands out from the rows around it."""

    def lit(screen: Screen) -> bool:
        here = screen.background(row, CURSOR_COLUMN)
        others = {screen.background(near, CURSOR_COLUMN) for near in (row - 1, row + 1, row + 2)}
        return bool(here) and here not in others

    return lit


def _pressed(terminal: Terminal, key: str, shown: Shown) -> Reading:
    before = terminal.worked_seconds()
    return Reading(terminal.press(key, shown), terminal.worked_seconds() - before)
