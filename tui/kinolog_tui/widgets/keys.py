"""All keys, page by page, as Settings and the help show them."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from kinolog_tui.widgets.palette import style

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "everywhere",
        (
            ("1 2 3 4 5", "dashboard, jobs, generate, analytics, settings"),
            ("ctrl+p", "command palette: everything by its name"),
            ("?", "this help"),
            ("j k g G", "down, up, first, last"),
            ("enter  esc  tab", "open, back, next part"),
            ("ctrl+r", "read anew, and connect now"),
            ("ctrl+t", "light or dark"),
            ("q", "quit"),
        ),
    ),
    (
        "jobs",
        (
            ("/", "find text in prompts and ids"),
            ("f  t", "filter; span of time"),
            ("s  S", "sort by the next column; the other way round"),
            ("n  p", "next page, page before; j and k go over the edge"),
            ("+  -", "more or fewer rows to a page"),
            ("space  a", "mark a job; mark the page"),
            ("c  r  P  X", "cancel, retry, priority, erase: the marked, else the one here"),
            ("y", "copy the id"),
        ),
    ),
    (
        "one job",
        (
            ("[  ]", "tab before, next tab"),
            ("v", "play the video here"),
            ("space  ← →  , .", "pause; a second, a frame back or on"),
            ("o  w", "open in the system's player; save"),
            ("/  x", "find in the log; all lines"),
            ("← →  v", "history: through time; verify the record"),
            ("V", "verify the record, whichever tab is open"),
        ),
    ),
    (
        "generate, analytics",
        (
            ("ctrl+s", "submit; save settings"),
            ("t  + -", "span; finer or coarser columns"),
            ("z  x", "enlarge a chart; export CSV"),
        ),
    ),
)


class KeyTable(Static):
    """Every key with what it does."""

    def on_mount(self) -> None:
        """Draw it."""
        self.border_title = "keys"
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style=style(self.app, "accent", bold=True))
        table.add_column()
        for part, keys in KEYS:
            table.add_row(Text(part, style="bold underline"), "")
            for key, words in keys:
                table.add_row(key, words)
        self.update(table)
