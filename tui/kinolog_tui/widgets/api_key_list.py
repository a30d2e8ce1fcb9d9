"""The API keys that a server issued, or why there are none to show."""

from __future__ import annotations

from datetime import datetime

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from kinolog_client import ApiKeyInfo
from kinolog_tui.session.issued_keys import IssuedKeys, KeyPolicy
from kinolog_tui.text.display_text import ago, moment

NONE_LISTED = {
    KeyPolicy.OPEN: "this server needs no key: whoever reaches it may use it",
    KeyPolicy.REQUIRED: "this server gives out no keys; whoever runs it has them in a file",
    KeyPolicy.ISSUED: "this server has given out no key yet",
}


class ApiKeyList(Static):
    """One issued key per line. Read only."""

    def show_message(self, words: str) -> None:
        """Show a text in place of keys."""
        self.update(Text(words))

    def show(self, answer: IssuedKeys, now: datetime) -> None:
        """Show the keys that the server issued, or why there are none."""
        if not answer.keys:
            self.show_message(NONE_LISTED[answer.policy])
            return
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        table.add_column(overflow="fold")
        for key in answer.keys:
            table.add_row("○" if key.revoked_at else "●", Text(_label(key)), Text(_facts(key, now)))
        self.update(table)


def _label(key: ApiKeyInfo) -> str:
    """Return the name of a key, else its actor, else its id."""
    return key.name or key.actor or key.key_id


def _facts(key: ApiKeyInfo, now: datetime) -> str:
    """Return id, scopes, dates and last use of a key."""
    words = [key.key_id] if _label(key) != key.key_id else []
    words += [" ".join(key.scopes)] if key.scopes else []
    if key.created_at is not None:
        words.append(f"of {moment(key.created_at)[:10]}")
    if key.revoked_at is not None:
        words.append(f"revoked {moment(key.revoked_at)[:10]}")
    elif key.last_used_at is not None:
        words.append(f"used {ago(key.last_used_at, now)} ago")
    return ", ".join(words)
