"""An area that scrolls by all keys that move, and those bindings for other widgets that scroll."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from kinolog_tui.keys.bindings import key_binding


def scroll_bindings() -> list[Binding]:
    """Return the bindings that scroll a widget by its own actions."""
    return [
        key_binding("everywhere.down", "scroll_down", "Down", show=False),
        key_binding("everywhere.arrow_down", "scroll_down", "Down", show=False),
        key_binding("everywhere.up", "scroll_up", "Up", show=False),
        key_binding("everywhere.arrow_up", "scroll_up", "Up", show=False),
        key_binding("everywhere.first", "scroll_home", "First", show=False),
        key_binding("everywhere.home", "scroll_home", "First", show=False),
        key_binding("everywhere.last", "scroll_end", "Last", show=False),
        key_binding("everywhere.end", "scroll_end", "Last", show=False),
        key_binding("everywhere.page_down", "page_down", "Page on", show=False),
        key_binding("everywhere.page_up", "page_up", "Page back", show=False),
    ]


class ScrollArea(VerticalScroll):
    """A vertical scroll that `j`, `k`, `g` and `G` move too."""

    BINDINGS: ClassVar[list[BindingType]] = [*scroll_bindings()]
