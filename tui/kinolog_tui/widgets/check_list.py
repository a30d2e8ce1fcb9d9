"""Boxes to tick. A ticked box has a letter, not only another colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import Checkbox, OptionList
from textual.widgets.option_list import Option

from kinolog_tui.keys.bindings import ROW_KEYS, key_binding


class CheckList(OptionList):
    """A list of words to tick with space or enter. `chosen` are the ticked ones, in the order of the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("dialogs.tick", "select", "Tick", show=False),
        *ROW_KEYS,
    ]

    def __init__(
        self, words: Sequence[str], chosen: Sequence[str], name: str, marks: dict[str, str] | None = None
    ) -> None:
        super().__init__(id=name, compact=True)
        self._words, self._ticked, self._marks = tuple(words), set(chosen), marks or {}

    @property
    def chosen(self) -> tuple[str, ...]:
        """The words that are ticked."""
        return tuple(word for word in self._words if word in self._ticked)

    def on_mount(self) -> None:
        """Add a line for each word."""
        self.add_options(Option(self._line(word), id=word) for word in self._words)
        self.highlighted = 0

    def _line(self, word: str) -> str:
        box = "\\[x]" if word in self._ticked else "\\[ ]"
        mark = f"{self._marks[word]} " if word in self._marks else ""
        return f"{box} {mark}{word}"

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Tick the word, or remove its tick."""
        message.stop()
        word = self._words[message.option_index]
        self._ticked ^= {word}
        self.replace_option_prompt(word, self._line(word))


class TickBox(Checkbox):
    """A check box that shows its letter only when it is ticked.

    Textual draws the sides of a box in its background colour, which is no colour for brackets. So it has only a middle.
    """

    DEFAULT_CSS = """
    TickBox {
        & > .toggle--button { color: $foreground; background: transparent; }
        &.-on > .toggle--button { color: $foreground; background: transparent; }
    }
    """
    BUTTON_LEFT, BUTTON_INNER, BUTTON_RIGHT = "", "[ ]", ""

    def watch_value(self) -> None:
        """Show or hide the letter."""
        self.BUTTON_INNER = "[x]" if self.value else "[ ]"
        super().watch_value()
