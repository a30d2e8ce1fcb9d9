"""The storyboard: a block per scene, with a thumbnail once it is rendered."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from kinolog.counts import counted
from kinolog_client import SceneInfo
from kinolog_tui.graphics.clip_decoder import Picture, PixelBox
from kinolog_tui.graphics.half_blocks import picture_text
from kinolog_tui.text.display_text import SYMBOLS, plain
from kinolog_tui.widgets.theme_styles import status_style, style

THUMBNAIL = PixelBox(14, 5)
TIME_CELLS = 40


class SceneList(Static):
    """The scenes in their order."""

    def __init__(self) -> None:
        super().__init__()
        self._scenes: tuple[SceneInfo, ...] = ()
        self._rendering: int | None = None
        self.thumbnails: dict[int, Picture] = {}
        """By the index of the scene, from 0."""

    @property
    def scenes(self) -> tuple[SceneInfo, ...]:
        """The scenes that are shown."""
        return self._scenes

    def show(self, scenes: Sequence[SceneInfo], running: int | None = None) -> None:
        """Show these scenes; `running` is the index of the scene that is rendered now."""
        self._scenes, self._rendering = tuple(scenes), running
        self._draw()

    def show_thumbnail(self, index: int, picture: Picture) -> None:
        """Show a picture of the scene `index`."""
        self.thumbnails[index] = picture
        self._draw()

    def remove_thumbnails(self) -> None:
        """Show the scenes without pictures."""
        if self.thumbnails:
            self.thumbnails.clear()
            self._draw()

    def _draw(self) -> None:
        """Draw the scenes, with a column of thumbnails as soon as there is one."""
        if not self._scenes:
            self.update(Text("The storyboard is not drawn yet.", style=style(self.app, "text-muted")))
            return
        total = sum(scene.duration_seconds for scene in self._scenes) or 1.0
        table = Table.grid(padding=(0, 2, 1, 0))
        if self.thumbnails:
            table.add_column(width=THUMBNAIL.columns, justify="center")
        table.add_column(
            ratio=1, overflow="fold"
        )  # an ellipsis would cut words of lines with wide characters
        for scene in self._scenes:
            words = self._words(scene, total)
            picture = self.thumbnails.get(scene.index)
            if self.thumbnails:
                table.add_row(picture_text(picture) if picture is not None else "", words)
            else:
                table.add_row(words)
        self.update(table)

    def _words(self, scene: SceneInfo, total: float) -> Text:
        muted = style(self.app, "text-muted")
        status = "processing" if scene.index == self._rendering else scene.status
        text = Text()
        text.append(
            f"{SYMBOLS[status]} scene {scene.index + 1}", style=status_style(self.app, status, bold=True)
        )
        end = scene.start_seconds + scene.duration_seconds
        text.append(
            f"  {scene.start_seconds:.1f}–{end:.1f} s  {counted(scene.frames, 'frame')}  "
            f"{plain(scene.camera)}, {plain(scene.transition)}\n",
            style=muted,
        )
        lead = round(TIME_CELLS * scene.start_seconds / total)
        long = max(1, round(TIME_CELLS * scene.duration_seconds / total))
        text.append("─" * lead, style=muted)
        text.append("━" * long, style=status_style(self.app, status))
        text.append("─" * max(0, TIME_CELLS - lead - long) + "\n", style=muted)
        text.append(scene.prompt or "(erased)")
        return text
