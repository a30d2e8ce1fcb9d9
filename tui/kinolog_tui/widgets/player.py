"""A video in half blocks: the upper pixel is the colour of the block, the lower one that behind it."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import ClassVar

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from kinolog_tui.video import Clip, Picture

SHADES = " ░▒▓█"
SEEK_SECONDS = 1.0


class Player(Widget, can_focus=True):
    """Plays a clip; shows one line of words while there is none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", "Play"),
        Binding("left,h", "seek(-1)", "Seek", key_display="←→"),
        Binding("right,l", "seek(1)", "On", show=False),
        Binding("comma", "step(-1)", "Frame back", show=False),
        Binding("full_stop", "step(1)", "Frame on", show=False),
        Binding("home,0", "start", "Start", show=False),
    ]

    index: reactive[int] = reactive(0)
    words: reactive[str] = reactive("")

    def __init__(self) -> None:
        super().__init__()
        self._clip: Clip | None = None
        self._strips: tuple[int, list[Strip]] | None = None
        self._timer: Timer | None = None
        self._plain = bool(os.environ.get("NO_COLOR"))

    @property
    def playing(self) -> bool:
        """Whether it moves."""
        return self._timer is not None

    @property
    def clip(self) -> Clip | None:
        """What it plays."""
        return self._clip

    def show(self, clip: Clip, *, play: bool) -> None:
        """Show this clip from its start."""
        self._stop()
        self._clip, self._strips, self.index, self.words = clip, None, 0, ""
        self.refresh()
        if play and len(clip.pictures) > 1:
            self.action_play()

    def say(self, words: str) -> None:
        """Show words instead."""
        self._stop()
        self._clip, self.words = None, words
        self.refresh()

    def on_unmount(self) -> None:
        """No timer outlives the player."""
        self._stop()

    def action_play(self) -> None:
        """Play or pause; at the end, from the start."""
        if self._clip is None:
            return
        if self.playing:
            self._stop()
        else:
            if self.index >= len(self._clip.pictures) - 1:
                self.index = 0
            self._timer = self.set_interval(1 / self._clip.fps, self._tick)
        self.refresh()

    def action_seek(self, seconds: int) -> None:
        """So many seconds on or back."""
        if self._clip is not None:
            self.action_step(round(seconds * SEEK_SECONDS * self._clip.fps))

    def action_step(self, pictures: int) -> None:
        """So many pictures on or back."""
        if self._clip is not None:
            self.index = max(0, min(len(self._clip.pictures) - 1, self.index + pictures))

    def action_start(self) -> None:
        """To the start."""
        self.index = 0

    def _tick(self) -> None:
        if self._clip is None or self.index >= len(self._clip.pictures) - 1:
            self._stop()
        else:
            self.index += 1

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the picture, then one that says where it is."""
        width, height = self.size
        if self._clip is None:
            return _centred(self.words, width) if y == height // 2 else Strip.blank(width)
        if y == height - 1:
            return _centred(self._state(self._clip), width)
        lines = self._lines(self._clip.pictures[self.index])
        top = max(0, (height - 1 - len(lines)) // 2)
        if not top <= y < top + len(lines):
            return Strip.blank(width)
        line = lines[y - top]
        pad = max(0, (width - line.cell_length) // 2)
        return Strip([Segment(" " * pad), *line]).adjust_cell_length(width)

    def _state(self, clip: Clip) -> str:
        at = self.index / clip.fps
        mark = "▶" if self.playing else "❚❚"
        cells = max(10, min(40, self.size.width - 30))
        done = round(cells * self.index / max(1, len(clip.pictures) - 1))
        return f"{mark} {at:4.1f} {'━' * done}{'─' * (cells - done)} {clip.seconds:.1f} s"

    def _lines(self, picture: Picture) -> list[Strip]:
        if self._strips is None or self._strips[0] != self.index:
            draw = _shaded if self._plain else _blocks
            self._strips = (self.index, draw(picture))
        return self._strips[1]


def _centred(words: str, width: int) -> Strip:
    return Strip([Segment(words.center(width)[:width])]).adjust_cell_length(width)


@lru_cache(1 << 15)
def _style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))


def _blocks(picture: Picture) -> list[Strip]:
    """Two rows of pixels per line; neighbours of one colour are one segment."""
    strips = []
    for row in range(0, picture.height, 2):
        upper, lower = _row(picture, row), _row(picture, row + 1)
        segments: list[Segment] = []
        start = 0
        for column in range(1, picture.width + 1):
            ends = column == picture.width
            if ends or upper[column] != upper[start] or lower[column] != lower[start]:
                segments.append(Segment("▀" * (column - start), _style(upper[start], lower[start])))
                start = column
        strips.append(Strip(segments, picture.width))
    return strips


def _row(picture: Picture, row: int) -> list[tuple[int, int, int]]:
    """The pixels of a row, in 32 steps per colour so that few styles are made."""
    start = row * picture.width * 3
    raw = picture.rgb[start : start + picture.width * 3]
    return [(raw[at] & 0xF8, raw[at + 1] & 0xF8, raw[at + 2] & 0xF8) for at in range(0, picture.width * 3, 3)]


def _shaded(picture: Picture) -> list[Strip]:
    """Without colour: how bright two pixels are together."""
    strips = []
    for row in range(0, picture.height, 2):
        upper, lower = _row(picture, row), _row(picture, row + 1)
        light = [sum(a) + sum(b) for a, b in zip(upper, lower, strict=True)]
        words = "".join(SHADES[min(4, value * 5 // (6 * 256))] for value in light)
        strips.append(Strip([Segment(words)], picture.width))
    return strips
