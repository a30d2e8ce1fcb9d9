"""Plays a video in the terminal: in pixels with sixel or kitty's graphics, else in half blocks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, cast

from rich.segment import Segment
from textual.binding import BindingType
from textual.dom import NoScreen
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from kinolog_tui.graphics import kitty, sixel
from kinolog_tui.graphics.clip_decoder import HALF_BLOCKS, DecodedClip, Picture, PixelBox
from kinolog_tui.graphics.half_blocks import colour_strips, shade_strips
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.session.keymap_app import fill_key_names
from kinolog_tui.text import clock

if TYPE_CHECKING:  # the application builds the pages that hold the player
    from kinolog_tui.app import KinologApp

SEEK_SECONDS = 1.0


class Player(Widget, can_focus=True):
    """Plays a clip. Shows one line of text while there is none."""

    class BoxChanged(Message):
        """The clip was decoded for another box than it has now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("video.play", "play", "Play"),
        key_binding("everywhere.left", "seek(-1)", "Seek", key_display="←→"),
        key_binding("video.back", "seek(-1)", "Seek", show=False),
        key_binding("everywhere.right", "seek(1)", "On", show=False),
        key_binding("video.on", "seek(1)", "On", show=False),
        key_binding("video.frame_back", "step(-1)", "Frame back", show=False),
        key_binding("video.frame_on", "step(1)", "Frame on", show=False),
        key_binding("everywhere.home", "start", "Start", show=False),
        key_binding("video.start", "start", "Start", show=False),
    ]

    index: reactive[int] = reactive(0, repaint=False)
    message: reactive[str] = reactive("")

    def __init__(self) -> None:
        super().__init__()
        self._clip: DecodedClip | None = None
        self._box = PixelBox(1, 1)
        self._strips: tuple[int, list[Strip]] | None = None
        self._timer: Timer | None = None
        self._started_at = 0.0
        self._number = 0
        self._label = ""
        self._no_color = bool(os.environ.get("NO_COLOR"))

    @property
    def kind(self) -> str:
        """The kind of graphics: `kitty`, `sixel` or `blocks`."""
        return cast("KinologApp", self.app).graphics.kind

    @property
    def playing(self) -> bool:
        """Whether the clip plays."""
        return self._timer is not None

    @property
    def clip(self) -> DecodedClip | None:
        """The clip that is shown."""
        return self._clip

    def box(self) -> PixelBox:
        """Return the box of a picture. Clips must be decoded for it."""
        width, height = self.size
        if width < 2 or height < 3:
            width, height = self.app.size.width - 4, self.app.size.height - 9
        columns, rows = max(8, width), max(4, height - 1)
        if self.kind == "blocks":
            return PixelBox(columns, rows, HALF_BLOCKS)
        return PixelBox(columns, rows, cast("KinologApp", self.app).graphics.cell, self.kind == "sixel")

    def on_resize(self) -> None:
        """Have a clip of another size fitted."""
        self.check_box()

    def check_box(self) -> None:
        """Report that the clip does not fit its box any more: the terminal or the kind of graphics changed."""
        if self._clip is not None and self._box != self.box():
            self.post_message(self.BoxChanged())

    def fit(self, clip: DecodedClip, box: PixelBox) -> None:
        """Replace the clip by the same one for another box. Time, label and whether it plays stay."""
        before, playing, label = self._clip, self.playing, self._label
        seconds = self.index / before.fps if before is not None else 0.0
        self.show(clip, box, play=False, label=label)
        self.action_step(round(seconds * clip.fps))
        if playing:
            self.action_play()

    def show(self, clip: DecodedClip, box: PixelBox, *, play: bool, label: str = "") -> None:
        """Show a clip from its start. It was decoded for `box`. Below it stands the label, else the time."""
        self._stop()
        self._label = label
        self._clip, self._box, self._strips, self.index, self.message = clip, box, None, 0, ""
        self.refresh()
        if play and len(clip.pictures) > 1:
            self.action_play()

    def show_message(self, text: str) -> None:
        """Show a text in place of a clip."""
        self._stop()
        self.clear_pixels()
        self._clip, self.message = None, fill_key_names(self.app, text)
        self.refresh()

    def clear_pixels(self) -> None:
        """Delete the pixels: something else is drawn there."""
        if self._number:
            self._number = 0
            if self.kind == "kitty":
                self._write(kitty.encode_removal())

    def on_hide(self) -> None:
        """Another tab is open."""
        self.clear_pixels()

    def on_unmount(self) -> None:
        """Stop the timer and remove the picture."""
        self._stop()
        self.clear_pixels()

    def action_play(self) -> None:
        """Play or pause. At the end, play from the start."""
        if self._clip is None:
            return
        if self.playing:
            self._stop()
            return
        if self.index >= len(self._clip.pictures) - 1:
            self.index = 0
        self._started_at = clock.monotonic() - self.index / self._clip.fps
        self._timer = self.set_interval(1 / self._clip.fps, self._tick)
        self.refresh()

    def action_seek(self, seconds: int) -> None:
        """Seek by seconds."""
        if self._clip is not None:
            self.action_step(round(seconds * SEEK_SECONDS * self._clip.fps))

    def action_step(self, pictures: int) -> None:
        """Seek by pictures."""
        if self._clip is not None:
            self.index = max(0, min(len(self._clip.pictures) - 1, self.index + pictures))
            self._started_at = clock.monotonic() - self.index / self._clip.fps

    def action_start(self) -> None:
        """Seek to the start."""
        self.action_step(-self.index)

    def _tick(self) -> None:
        """Show the picture that is due now. If drawing is too slow, pictures are skipped: the duration stays right."""
        if self._clip is None or self.index >= len(self._clip.pictures) - 1:
            self._stop()
        else:
            due = round((clock.monotonic() - self._started_at) * self._clip.fps)
            self.index = max(self.index, min(due, len(self._clip.pictures) - 1))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self.refresh()

    def watch_index(self) -> None:
        """Draw another picture. Pixels are written to the terminal, blocks are drawn with the rest of the screen."""
        if self.kind == "blocks" or self._clip is None:
            self.refresh()
        else:
            self._write_pixels()
            self.refresh(Region(0, self.size.height - 1, self.size.width, 1))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render the cells. The pixels are written again after cells of the picture were drawn."""
        if self.kind != "blocks" and self._clip is not None and crop.y < self.size.height - 1:
            self.call_after_refresh(self._write_pixels)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Return a line of the picture, or below it the time, on the background of the theme."""
        return self._line(y).apply_style(self.rich_style)

    def _line(self, y: int) -> Strip:
        width, height = self.size
        if self._clip is None:
            return _centred(self.message, width) if y == height // 2 else Strip.blank(width)
        if y == height - 1:
            return _centred(self._state(self._clip), width)
        if self.kind != "blocks":
            return Strip.blank(width)
        lines = self._lines(self._clip.pictures[self.index])
        top = max(0, (height - 1 - len(lines)) // 2)
        if not top <= y < top + len(lines):
            return Strip.blank(width)
        line = lines[y - top]
        pad = max(0, (width - line.cell_length) // 2)
        return Strip([Segment(" " * pad), *line]).adjust_cell_length(width)

    def _state(self, clip: DecodedClip) -> str:
        if self._label:
            return self._label
        at = self.index / clip.fps
        mark = "▶" if self.playing else "❚❚"
        cells = max(10, min(40, self.size.width - 30))
        done = round(cells * self.index / max(1, len(clip.pictures) - 1))
        return f"{mark} {at:4.1f} {'━' * done}{'─' * (cells - done)} {clip.seconds:.1f} s"

    def _lines(self, picture: Picture) -> list[Strip]:
        if self._strips is None or self._strips[0] != self.index:
            draw = shade_strips if self._no_color else colour_strips
            self._strips = (self.index, draw(picture))
        return self._strips[1]

    def _write_pixels(self) -> None:
        """Write the pixels to the middle of the player, unless it is covered or hidden."""
        if self._clip is None or not self.is_attached or not self._is_uncovered():
            return
        picture = self._clip.pictures[min(self.index, len(self._clip.pictures) - 1)]
        columns, rows = self._box.cells(picture)
        left = self.region.x + max(0, (self.size.width - columns) // 2)
        top = self.region.y + max(0, (self.size.height - 1 - rows) // 2)
        self._number += 1
        pixels = (
            kitty.encode(picture, self._number, columns, rows)
            if self.kind == "kitty"
            else sixel.encode(picture)
        )
        self._write(f"\x1b7\x1b[{top + 1};{left + 1}H{pixels}\x1b8")

    def _is_uncovered(self) -> bool:
        try:
            return self.screen.is_active and self.is_on_screen
        except NoScreen:
            return False

    def _write(self, sequence: str) -> None:
        driver = self.app._driver  # Textual has no public way to write graphics
        if driver is not None:
            driver.write(sequence)
            driver.flush()


def _centred(words: str, width: int) -> Strip:
    return Strip([Segment(words.center(width)[:width])]).adjust_cell_length(width)
