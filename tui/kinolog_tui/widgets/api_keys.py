"""The API keys that a server gave out, or a line on why there are none to show."""

from __future__ import annotations

from datetime import datetime

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from kinolog_client.api_keys import ApiKeyInfo, KeysAnswer, Offer
from kinolog_tui.text.display_text import ago, moment

NONE_LISTED = {
    Offer.OPEN: "this server gives out no keys; whoever reaches it may use it",
    Offer.ASKED_FOR: "this server gives out no keys; whoever runs it has them in a file",
    Offer.LISTED: "this server has given out no key yet",
}


class ApiKeyList(Static):
    """One key per line; read only."""

    def show_message(self, words: str) -> None:
        """Say this instead of keys."""
        self.update(Text(words))

    def show(self, answer: KeysAnswer, now: datetime) -> None:
        """Show what the server answers about its keys."""
        if not answer.keys:
            self.show_message(NONE_LISTED[answer.offer])
            return
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        table.add_column(overflow="fold")
        for key in answer.keys:
            table.add_row(
                "○" if key.revoked_at else "●", Text(key.name or key.key_id), Text(_facts(key, now))
            )
        self.update(table)


def _facts(key: ApiKeyInfo, now: datetime) -> str:
    """What is known of a key, in words."""
    words = [key.key_id] if key.name else []
    if key.created_at is not None:
        words.append(f"of {moment(key.created_at)[:10]}")
    if key.revoked_at is not None:
        words.append(f"revoked {moment(key.revoked_at)[:10]}")
    elif key.last_used_at is not None:
        words.append(f"used {ago(key.last_used_at, now)} ago")
    return ", ".join(words)
