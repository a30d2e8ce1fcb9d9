"""Dialogs over the pages: confirm, choose a priority."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Label, OptionList
from textual.widgets.option_list import Option

from kinolog_client import PRIORITIES
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.dialog import Dialog
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.text.display_text import PRIORITY_MARKS


class ConfirmDialog(Dialog[bool]):
    """Asks for a confirmation. Keys answer too. `enter` answers no until the person moves to the other button."""

    AUTO_FOCUS = "#no"

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("dialogs.yes", "answer(True)", "Yes"),
        key_binding("dialogs.no", "answer(False)", "No"),
        key_binding("everywhere.back", "answer(False)", "No", show=False),
        key_binding("everywhere.left", "app.focus_previous", "Left", show=False),
        key_binding("dialogs.left", "app.focus_previous", "Left", show=False),
        key_binding("everywhere.right", "app.focus_next", "Right", show=False),
        key_binding("dialogs.right", "app.focus_next", "Right", show=False),
    ]

    def __init__(self, question: str, words: str, yes: str) -> None:
        """`words` may have several lines. They are no markup: they may quote a prompt."""
        super().__init__()
        self._question, self._words, self._yes = question, words, yes

    def body(self) -> ComposeResult:
        """The question over two buttons."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._question
            yield Label(Content(self._words), classes="words")
            with Horizontal(classes="buttons"):
                yes, no = key_label(self.app, "dialogs.yes"), key_label(self.app, "dialogs.no")
                yield Button(f"{self._yes} ({yes})", variant="error", id="yes", compact=True)
                yield Button(f"No ({no})", id="no", compact=True)

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """Dismiss with the answer of the button."""
        self.dismiss(message.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Dismiss with the answer of a key."""
        self.dismiss(yes)


class PriorityDialog(Dialog[str | None]):
    """Choose a priority."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss(None)", "Close"),
        key_binding("everywhere.down", "step(1)", "Down"),
        key_binding("everywhere.up", "step(-1)", "Up"),
        key_binding("everywhere.first", "end('first')", "First", show=False),
        key_binding("everywhere.last", "end('last')", "Last", show=False),
    ]

    def __init__(self, title: str, words: str, current: str) -> None:
        """`words` say of which jobs."""
        super().__init__()
        self._dialog_title, self._words, self._current = title, words, current

    def body(self) -> ComposeResult:
        """The four priorities."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._dialog_title
            yield Label(Content(self._words), classes="words")
            yield OptionList(*(Option(f"{PRIORITY_MARKS[word]:<3}{word}", id=word) for word in PRIORITIES))

    def on_mount(self) -> None:
        """Highlight the priority that the job has, so that `enter` alone changes nothing."""
        self.query_one(OptionList).highlighted = PRIORITIES.index(self._current)

    def action_end(self, how: str) -> None:
        """Go to the first or the last one."""
        getattr(self.query_one(OptionList), f"action_{how}")()

    def action_step(self, step: int) -> None:
        """Down or up."""
        options = self.query_one(OptionList)
        options.action_cursor_down() if step > 0 else options.action_cursor_up()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Dismiss with the priority."""
        self.dismiss(message.option_id)
