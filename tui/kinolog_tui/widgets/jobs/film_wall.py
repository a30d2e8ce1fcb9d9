"""A wall of thumbnails: one cell for each film, with its prompt below. Only the lines in view are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kinolog_client import JobInfo
from kinolog_tui.graphics.clip_decoder import Picture, PixelBox
from kinolog_tui.graphics.half_blocks import picture_strips
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.text.display_text import shortened
from kinolog_tui.widgets.theme_styles import style

PICTURE = PixelBox(24, 7)
"""The box of a thumbnail."""
CELL_COLUMNS, CELL_ROWS = PICTURE.columns + 2, PICTURE.rows + 2
"""Cells of a film: the picture, a line of its prompt, and the space around them."""


class FilmWall(ScrollView, can_focus=True):
    """Films from left to right, line by line. Enter or a click on the film of the cursor opens it."""

    class FilmSelected(Message):
        """The person opened a film."""

        def __init__(self, job_id: str) -> None:
            super().__init__()
            self.job_id = job_id

    class ViewChanged(Message):
        """Other films are in view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.left", "move(-1)", "Left", show=False),
        key_binding("films.left", "move(-1)", "Left", show=False),
        key_binding("everywhere.right", "move(1)", "Right", show=False),
        key_binding("films.right", "move(1)", "Right", show=False),
        key_binding("everywhere.down", "move_line(1)", "Down", show=False),
        key_binding("everywhere.arrow_down", "move_line(1)", "Down", show=False),
        key_binding("everywhere.up", "move_line(-1)", "Up", show=False),
        key_binding("everywhere.arrow_up", "move_line(-1)", "Up", show=False),
        key_binding("everywhere.first", "move(-100000)", "First", show=False),
        key_binding("everywhere.home", "move(-100000)", "First", show=False),
        key_binding("everywhere.last", "move(100000)", "Last", show=False),
        key_binding("everywhere.end", "move(100000)", "Last", show=False),
        key_binding("everywhere.open", "open", "Open"),
    ]
    cursor: reactive[int] = reactive(0, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._films: tuple[JobInfo, ...] = ()
        self._strips: dict[str, list[Strip]] = {}
        """Lines of the thumbnails by job id."""

    @property
    def current(self) -> JobInfo | None:
        """The film under the cursor."""
        return self._films[self.cursor] if self.cursor < len(self._films) else None

    def show(self, films: Sequence[JobInfo]) -> None:
        """Show these films. The cursor stays on its film, else at its place. Erased films lose their thumbnails."""
        at = self.current
        self._films = tuple(films)
        ids = [film.job_id for film in films]
        self._strips = {job_id: lines for job_id, lines in self._strips.items() if job_id in ids}
        self.cursor = ids.index(at.job_id) if at is not None and at.job_id in ids else self.cursor
        self.cursor = max(0, min(self.cursor, len(ids) - 1))
        self._lay_out()

    def show_thumbnail(self, job_id: str, picture: Picture) -> None:
        """Show the thumbnail of a film."""
        self._strips[job_id] = picture_strips(picture)
        self.refresh()

    def missing(self) -> list[JobInfo]:
        """Return the films in view that have no thumbnail yet."""
        first = self.scroll_offset.y // CELL_ROWS * self._across
        last = first + (self.size.height // CELL_ROWS + 2) * self._across
        return [film for film in self._films[first:last] if film.job_id not in self._strips]

    @property
    def _across(self) -> int:
        return max(1, self.size.width // CELL_COLUMNS)

    def _lay_out(self) -> None:
        lines = -(-len(self._films) // self._across)
        self.virtual_size = Size(self._across * CELL_COLUMNS, lines * CELL_ROWS)
        self.refresh()
        self.post_message(self.ViewChanged())

    def on_resize(self) -> None:
        """Arrange the films for the new width."""
        self._lay_out()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other films may be in view."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.ViewChanged())

    def watch_cursor(self) -> None:
        """Draw the cursor, and scroll its film into view."""
        top = self.cursor // self._across * CELL_ROWS
        if top < self.scroll_offset.y:
            self.scroll_to(y=top, animate=False)
        elif top + CELL_ROWS > self.scroll_offset.y + self.size.height:
            self.scroll_to(y=top + CELL_ROWS - self.size.height, animate=False)
        self.refresh()

    def action_move(self, films: int) -> None:
        """Move by films."""
        self.cursor = max(0, min(len(self._films) - 1, self.cursor + films))

    def action_move_line(self, lines: int) -> None:
        """Move by lines, in the same column."""
        after = self.cursor + lines * self._across
        if 0 <= after < len(self._films):
            self.cursor = after

    def action_open(self) -> None:
        """Open the film under the cursor."""
        if self.current is not None:
            self.post_message(self.FilmSelected(self.current.job_id))

    def on_click(self, event: Click) -> None:
        """Move the cursor to the film that was clicked; open the film of the cursor."""
        column, line = event.x // CELL_COLUMNS, (event.y + self.scroll_offset.y) // CELL_ROWS
        at = line * self._across + column
        if column >= self._across or at >= len(self._films):
            return
        if at == self.cursor:
            self.action_open()
        else:
            self.cursor = at

    def render_line(self, y: int) -> Strip:
        """Render a line of the films in view."""
        width = self.size.width
        line, row = divmod(y + self.scroll_offset.y, CELL_ROWS)
        segments: list[Segment] = []
        for at in range(line * self._across, min((line + 1) * self._across, len(self._films))):
            segments += self._cell(at, row)
        return Strip(segments).adjust_cell_length(width).apply_style(self.rich_style)

    def _cell(self, at: int, row: int) -> list[Segment]:
        film, lit = self._films[at], at == self.cursor
        edge = style(self.app, "accent", bold=True) if lit else Style.null()
        if row == CELL_ROWS - 1:
            return [Segment(" " * CELL_COLUMNS, Style.null())]
        left = Segment("▌" if lit else " ", edge)
        if row == PICTURE.rows:
            words = set_cell_size(shortened(film.prompt or "(erased)", PICTURE.columns), PICTURE.columns)
            return [left, Segment(words, edge if lit else style(self.app, "text-muted")), _SPACE]
        lines = self._strips.get(film.job_id)
        if lines is None:
            dots = "…".center(PICTURE.columns) if row == PICTURE.rows // 2 else " " * PICTURE.columns
            return [left, Segment(dots, style(self.app, "text-muted")), _SPACE]
        top = (PICTURE.rows - len(lines)) // 2
        if not top <= row < top + len(lines):
            return [left, Segment(" " * PICTURE.columns, Style.null()), _SPACE]
        strip = lines[row - top]
        pad = (PICTURE.columns - strip.cell_length) // 2
        rest = PICTURE.columns - pad - strip.cell_length
        parts = [left, Segment(" " * pad, Style.null()), *strip, Segment(" " * rest, Style.null()), _SPACE]
        return [part for part in parts if cell_len(part.text)]


_SPACE = Segment(" ", Style.null())
