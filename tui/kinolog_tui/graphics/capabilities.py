"""The graphics that the terminal supports. It is queried before the dashboard starts; its response is read afterwards.

Three queries are sent at once: kitty's for its graphics, the size of a cell in pixels, and the device attributes. Every
terminal responds to the last one, so its response ends the wait. Sixel is one of the device attributes.
"""

from __future__ import annotations

import os
import re
import select
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

WAIT_SECONDS = 0.25
"""Timeout for the response, from the call of `result`. By then the terminal had the whole start-up to respond."""
DEFAULT_CELL = (8, 16)
KITTY_QUERY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
CELL_SIZE_QUERY, DEVICE_ATTRIBUTES_QUERY = "\x1b[16t", "\x1b[c"
SIXEL = "4"
"""The number of sixel in a terminal's device attributes."""


@dataclass(frozen=True, slots=True)
class TerminalCapabilities:
    """The best supported kind of graphics, and the width and height of a cell in pixels."""

    kind: str = "blocks"
    cell: tuple[int, int] = DEFAULT_CELL


def capability_queries(env: Mapping[str, str]) -> str:
    """Return the queries for a terminal. tmux and screen would take kitty's query for a title."""
    term = env.get("TERM", "")
    if term in ("", "dumb", "linux"):
        return ""
    inside = "TMUX" in env or term.startswith(("tmux", "screen"))
    return ("" if inside else KITTY_QUERY) + CELL_SIZE_QUERY + DEVICE_ATTRIBUTES_QUERY


def parse_response(response: str) -> TerminalCapabilities:
    """Return the capabilities in the response of a terminal."""
    cell = re.search(r"\x1b\[6;(\d+);(\d+)t", response)
    size = (int(cell[2]), int(cell[1])) if cell and int(cell[1]) and int(cell[2]) else DEFAULT_CELL
    if "\x1b_Gi=31;OK" in response:
        return TerminalCapabilities("kitty", size)
    kind = re.search(r"\x1b\[\?([0-9;]*)c", response)
    if kind and SIXEL in kind[1].split(";"):
        return TerminalCapabilities("sixel", size)
    return TerminalCapabilities("blocks", size)


class CapabilityQuery:
    """Queries the terminal of this process, if there is one. Call `result` once."""

    def __init__(self) -> None:
        self._restore: list[Any] | None = None
        self._queries = ""
        if os.environ.get("NO_COLOR") or sys.platform == "win32" or not (_is_tty(0) and _is_tty(1)):
            return
        self._queries = capability_queries(os.environ)
        if self._queries:
            self._disable_echo()
            os.write(1, self._queries.encode())

    def _disable_echo(self) -> None:
        import termios
        import tty

        self._restore = termios.tcgetattr(0)
        tty.setcbreak(0)  # the response must not be echoed

    def result(self) -> TerminalCapabilities:
        """Return the parsed response; half blocks if there is none in time."""
        if self._restore is None:
            return TerminalCapabilities()
        import termios

        response, ends_at = "", monotonic() + WAIT_SECONDS
        try:
            while not re.search(r"\x1b\[\?[0-9;]*c", response):
                ready, _, _ = select.select([0], [], [], max(0.0, ends_at - monotonic()))
                if not ready or not (raw := os.read(0, 1024)):
                    break
                response += raw.decode("latin-1")
        finally:
            termios.tcsetattr(0, termios.TCSANOW, self._restore)
            self._restore = None
        return parse_response(response)


def _is_tty(number: int) -> bool:
    try:
        return os.isatty(number)
    except OSError:
        return False
