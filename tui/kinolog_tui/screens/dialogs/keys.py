"""The dialog that changes keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key as KeyPress
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from kinolog_tui.keys.bindings import KEY_GROUPS, KEYS, Key, key_binding
from kinolog_tui.keys.keymap import display_key, key_conflict, keys_for
from kinolog_tui.screens.dialogs.dialog import Dialog
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.widgets.theme_styles import style

if TYPE_CHECKING:  # the application builds the pages that open it
    from kinolog_tui.app import KinologApp

KEY_CELLS = 12
HINT = "enter changes a key, backspace gives back the one it came with; Save in Settings keeps them."


class KeysDialog(Dialog[None]):
    """Lists every configurable key. A change takes effect at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss", "Close"),
        key_binding("everywhere.down", "step('cursor_down')", "Down"),
        key_binding("everywhere.up", "step('cursor_up')", "Up"),
        key_binding("everywhere.first", "step('first')", "First", show=False),
        key_binding("everywhere.last", "step('last')", "Last", show=False),
        key_binding("keys.came_with", "give_back", "Give back"),
    ]
    _captured: Key | None = None
    """The binding whose new key is being captured."""

    @property
    def kinolog(self) -> KinologApp:
        """The application."""
        return cast("KinologApp", self.app)

    @property
    def hidden_actions(self) -> frozenset[str]:
        """Every key is a new one while one is captured."""
        return frozenset({"dismiss", "step", "give_back"}) if self._captured is not None else frozenset()

    def body(self) -> ComposeResult:
        """The list, a hint, and buttons."""
        with Vertical(classes="dialog keys") as dialog:
            dialog.border_title = "Keys"
            yield OptionList()
            yield Static(HINT, id="hint")
            with Horizontal(classes="buttons"):
                yield Button("Change (enter)", variant="primary", id="change", compact=True)
                yield Button("Give back", id="give-back", compact=True)
                yield Button("Close (esc)", id="close", compact=True)

    def on_mount(self) -> None:
        """List the keys, and again in the colours of another theme."""
        self._list_keys()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._list_keys())

    def _list_keys(self) -> None:
        """Add a line for each key below the name of its group. The cursor stays on its line."""
        options = self.query_one(OptionList)
        at = options.highlighted
        options.clear_options()
        for part in KEY_GROUPS:
            name = Text(part.name, style=style(self.app, "accent", bold=True))
            options.add_option(Option(name, disabled=True))
            options.add_options(Option(self._line(key), id=key.id) for key in part.keys if not key.fixed)
        if at is None:
            options.action_first()
            options.focus()
        else:
            options.highlighted = at

    def on_unmount(self) -> None:
        """Stop waiting for a key."""
        self.kinolog.capturing_key = False

    @property
    def _here(self) -> Key | None:
        """The key under the cursor."""
        option = self.query_one(OptionList).highlighted_option
        return KEYS[option.id] if option is not None and option.id is not None else None

    def _line(self, key: Key) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(
            f"  {key_label(self.app, key.id):<{KEY_CELLS}} ", style=style(self.app, "accent", bold=True)
        )
        text.append(key.description)
        if key.id in self.kinolog.preferences.keys:
            text.append(
                f"  came with {display_key(keys_for(key.id, {})[0])}", style=style(self.app, "text-muted")
            )
        return text

    def _show_message(self, words: str, *, wrong: bool = False) -> None:
        hint = self.query_one("#hint", Static)
        hint.update(Text(words))
        hint.set_class(wrong, "-wrong")

    def _capture(self, key: Key | None) -> None:
        self._captured, self.kinolog.capturing_key = key, key is not None
        self.refresh_bindings()
        self._show_message(
            f"Press the new key for “{key.description}”; esc leaves it." if key is not None else HINT
        )

    def on_key(self, event: KeyPress) -> None:
        """Assign the pressed key."""
        if self._captured is None:
            return
        event.stop()
        if event.key == "escape":
            self._capture(None)
        else:
            self._assign(self._captured, event.key)

    def _assign(self, key: Key, pressed: str) -> None:
        chosen = self.kinolog.preferences.keys
        wrong = key_conflict(key.id, pressed, chosen)
        if wrong:
            self._show_message(f"{wrong} Press another; esc leaves it.", wrong=True)
            return
        self._capture(None)
        others = {name: keys for name, keys in chosen.items() if name != key.id}
        self._apply(key, others if pressed in keys_for(key.id, {}) else others | {key.id: pressed})

    def _apply(self, key: Key, chosen: dict[str, str]) -> None:
        self.kinolog.apply_keymap(chosen)
        self.query_one(OptionList).replace_option_prompt(key.id, self._line(key))
        self._show_message(f"{key_label(self.app, key.id)} is “{key.description}” now.")

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Wait for the new key of the line."""
        if message.option_id is not None:
            self._capture(KEYS[message.option_id])

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        """Show the hint again. The name of the first group is scrolled into view together with its first line."""
        self._capture(None)
        if message.option_index == 1:
            message.option_list.scroll_home(animate=False)

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """Do what the corresponding key does."""
        if message.button.id == "close":
            self.dismiss()
        elif message.button.id == "change":
            self._capture(self._here)
        else:
            self.action_give_back()

    def action_step(self, how: str) -> None:
        """Move the cursor of the list."""
        getattr(self.query_one(OptionList), f"action_{how}")()

    def action_give_back(self) -> None:
        """Restore the default key, unless another binding has it now."""
        key, chosen = self._here, self.kinolog.preferences.keys
        if key is None:
            return
        self._capture(None)
        wrong = [
            words for default in keys_for(key.id, {}) if (words := key_conflict(key.id, default, chosen))
        ]
        if wrong:
            self._show_message(f"{wrong[0]} Change that first.", wrong=True)
        else:
            self._apply(key, {name: keys for name, keys in chosen.items() if name != key.id})
