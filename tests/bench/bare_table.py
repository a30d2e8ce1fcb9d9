"""The floor of the dashboard: a table of fifty rows in Textual that nothing ever changes."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import DataTable

ROWS = 50
HEADINGS = ("status", "prio", "progress", "stage", "age", "ran", "job", "prompt")


class BareTable(App[None]):
    """Shows the table."""

    def compose(self) -> ComposeResult:
        """Yield the table, filled."""
        table: DataTable[str] = DataTable(cursor_type="row", zebra_stripes=True)
        table.add_columns(*HEADINGS)
        for number in range(ROWS):
            table.add_row(*(f"{heading} {number}" for heading in HEADINGS))
        yield table


if __name__ == "__main__":
    BareTable().run()
