"""Dialogs about the API keys of the server: make one, and choose one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from kinolog.access.api_key import Scope
from kinolog_client import ApiKeyInfo
from kinolog_tui.keys.bindings import key_binding
from kinolog_tui.screens.dialogs.dialog import Dialog
from kinolog_tui.screens.dialogs.form import FormDialog, names_in


@dataclass(frozen=True, slots=True)
class KeyToMake:
    """Whose key to make, and what it may do."""

    actor: str
    scopes: tuple[str, ...]


class NewKeyDialog(FormDialog[KeyToMake]):
    """Asks for the actor and the scopes of a new API key."""

    def __init__(self) -> None:
        super().__init__(
            "New API key",
            "Whose key, and what it may do; enter makes it, esc leaves it.",
            {"actor": "", "scopes": "submit read cancel audit"},
        )

    def meaning(self, texts: Mapping[str, str]) -> KeyToMake:
        """Return the key. Raises ValueError."""
        if not texts["actor"]:
            raise ValueError("Name an actor: the person or program that has the key.")
        return KeyToMake(texts["actor"], names_in(texts["scopes"], Scope, "Scopes"))


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
