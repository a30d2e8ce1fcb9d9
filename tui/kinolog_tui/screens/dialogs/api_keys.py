"""Dialogs about the API keys of the server: make one, and choose one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from kinolog.access.api_key import Scope
from kinolog_client import ApiKeyInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.dialog import Dialog


@dataclass(frozen=True, slots=True)
class KeyToMake:
    """Whose key to make, and what it may do."""

    actor: str
    scopes: tuple[str, ...]


class NewKeyDialog(Dialog[KeyToMake | None]):
    """Asks for the actor and the scopes of a new API key. Enter makes it, escape leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss(None)", "Close"),
        key_binding("everywhere.next", "app.focus_next", "Next field"),
    ]

    def body(self) -> ComposeResult:
        """Two fields."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "New API key"
            yield Label("Whose key, and what it may do; enter makes it, esc leaves it.", classes="words")
            with Horizontal(classes="line"):
                yield Label("actor")
                yield Input(id="actor", compact=True)
            with Horizontal(classes="line"):
                yield Label("scopes")
                yield Input("submit read cancel audit", id="scopes", compact=True)
            yield Label("", id="wrong", classes="words")

    def on_input_submitted(self) -> None:
        """Dismiss with the fields, or say what is wrong with them."""
        actor = self.query_one("#actor", Input).value.strip()
        scopes = tuple(self.query_one("#scopes", Input).value.replace(",", " ").split())
        unknown = [scope for scope in scopes if scope not in list(Scope)]
        if not actor:
            self._show_wrong("Name an actor: the person or program that has the key.")
        elif unknown or not scopes:
            self._show_wrong(f"Scopes are {', '.join(Scope)}.")
        else:
            self.dismiss(KeyToMake(actor, scopes))

    def _show_wrong(self, words: str) -> None:
        self.query_one("#wrong", Label).update(Content(words))


class ChooseKeyDialog(Dialog[str | None]):
    """Choose one of the API keys that are in use."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.back", "dismiss(None)", "Close"),
    ]

    def __init__(self, keys: Sequence[ApiKeyInfo]) -> None:
        super().__init__()
        self._keys = keys

    def body(self) -> ComposeResult:
        """One line for each key."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Revoke an API key"
            yield OptionList(*(Option(Content(key_words(key)), id=key.key_id) for key in self._keys))

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Dismiss with the key."""
        self.dismiss(message.option.id)


def key_words(key: ApiKeyInfo) -> str:
    """Return what a person knows a key by."""
    return f"{key.name or key.actor or 'a key'} ({key.key_id}, {' '.join(key.scopes) or 'no scopes'})"
