"""Every key: the id of its binding, its default key, and its description.

Pages and widgets make their bindings from this with `key_binding`; the help, Settings and the dialog that changes keys
show it. Settings files store the ids: add new ones, never rename one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from textual.binding import Binding


class Key(NamedTuple):
    """A binding with its description. `keys` are its default keys as Textual writes them, separated by commas."""

    id: str
    keys: str
    description: str
    fixed: bool = False
    """Whether the key cannot be changed: it opens, leaves or moves in every list and field."""
    while_typing: bool = False
    """Whether the binding works in a text field too, so that its key cannot be a letter."""


class KeyRow(NamedTuple):
    """Keys that are described on one line; `tail` describes all of them."""

    keys: tuple[Key, ...]
    tail: str = ""

    @property
    def description(self) -> str:
        """Description of the row."""
        return ", ".join(key.description for key in self.keys if key.description) + self.tail


class KeyGroup(NamedTuple):
    """A group of keys. `places` are where they work: no two bindings in one place have the same key."""

    name: str
    rows: tuple[KeyRow, ...]
    places: frozenset[str] = frozenset()

    @property
    def keys(self) -> tuple[Key, ...]:
        """All of them."""
        return tuple(key for row in self.rows for key in row.keys)


EVERYWHERE = KeyGroup(
    "everywhere",
    (
        KeyRow(
            (
                Key("everywhere.dashboard", "1", "dashboard"),
                Key("everywhere.jobs", "2", "jobs"),
                Key("everywhere.generate", "3", "generate"),
                Key("everywhere.analytics", "4", "analytics"),
                Key("everywhere.settings", "5", "settings"),
                Key("everywhere.films", "6", "films"),
                Key("everywhere.audit", "7", "audit"),
            )
        ),
        KeyRow(
            (
                Key(
                    "everywhere.palette",
                    "ctrl+p",
                    "command palette: everything by its name",
                    while_typing=True,
                ),
            )
        ),
        KeyRow((Key("everywhere.help", "question_mark", "help: every key"),)),
        KeyRow(
            (
                Key("everywhere.down", "j", "down"),
                Key("everywhere.up", "k", "up"),
                Key("everywhere.first", "g", "first"),
                Key("everywhere.last", "G", "last"),
            )
        ),
        KeyRow(
            (
                Key("everywhere.arrow_down", "down", "down", fixed=True),
                Key("everywhere.arrow_up", "up", "up", fixed=True),
                Key("everywhere.home", "home", "first", fixed=True),
                Key("everywhere.end", "end", "last", fixed=True),
            )
        ),
        KeyRow(
            (
                Key("everywhere.page_down", "pagedown", "page on", fixed=True),
                Key("everywhere.page_up", "pageup", "page back", fixed=True),
            )
        ),
        KeyRow(
            (
                Key("everywhere.open", "enter", "open", fixed=True),
                Key("everywhere.back", "escape", "back", fixed=True),
                Key("everywhere.next", "tab", "next part", fixed=True),
            )
        ),
        KeyRow((Key("everywhere.renew", "ctrl+r", "load again and connect now", while_typing=True),)),
        KeyRow((Key("everywhere.look", "ctrl+t", "light or dark", while_typing=True),)),
        KeyRow((Key("everywhere.quit", "q", "quit"),)),
    ),
)
JOBS = KeyGroup(
    "jobs",
    (
        KeyRow((Key("jobs.search", "slash", "find text in prompts and ids"),)),
        KeyRow((Key("jobs.filter", "f", "filter"), Key("jobs.span", "t", "span of time"))),
        KeyRow(
            (
                Key("jobs.sort", "s", "sort by the next column"),
                Key("jobs.reverse", "S", "the other way round"),
            )
        ),
        KeyRow(
            (Key("jobs.next", "n", "next page"), Key("jobs.previous", "p", "page before")),
            "; down and up go over the edge",
        ),
        KeyRow(
            (Key("jobs.half_down", "ctrl+d", "half a page down"), Key("jobs.half_up", "ctrl+u", "half up"))
        ),
        KeyRow(
            (
                Key("jobs.more_rows", "plus,equals_sign", "more rows to a page"),
                Key("jobs.fewer_rows", "minus", "fewer rows"),
            )
        ),
        KeyRow((Key("jobs.mark", "space", "mark a job"), Key("jobs.mark_page", "a", "mark the page"))),
    ),
    frozenset({"jobs"}),
)
JOB_ACTIONS = KeyGroup(
    "jobs and one job",
    (
        KeyRow(
            (
                Key("jobs.cancel", "c", "cancel"),
                Key("jobs.retry", "r", "retry"),
                Key("jobs.priority", "P", "priority"),
                Key("jobs.pause", "z", "pause or resume"),
                Key("jobs.erase", "X", "erase"),
            ),
            ": the marked, else the one here",
        ),
        KeyRow((Key("jobs.copy", "y", "copy the id"), Key("jobs.again", "e", "make it again with changes"))),
    ),
    frozenset({"jobs", "job", "video", "history"}),
)
JOB = KeyGroup(
    "one job",
    (
        KeyRow(
            (
                Key("job.previous_tab", "left_square_bracket", "tab before"),
                Key("job.next_tab", "right_square_bracket", "next tab"),
            )
        ),
        KeyRow((Key("job.video", "v", "play the video here"),)),
        KeyRow((Key("job.open", "o", "open in the system's player"), Key("job.save", "w", "save the video"))),
        KeyRow((Key("job.search", "slash", "find in the log"), Key("job.all_lines", "x", "all lines"))),
        KeyRow((Key("job.verify", "V", "verify the record, whichever tab is open"),)),
        KeyRow((Key("job.variants", "a", "list all variants of its request"),)),
    ),
    frozenset({"job", "video", "history"}),
)
VIDEO = KeyGroup(
    "one job, its video",
    (
        KeyRow((Key("video.play", "space", "play or pause"), Key("video.start", "0", "to the start"))),
        KeyRow((Key("video.back", "h", "a second back"), Key("video.on", "l", "a second on"))),
        KeyRow(
            (
                Key("everywhere.left", "left", "the same", fixed=True),
                Key("everywhere.right", "right", "", fixed=True),
            )
        ),
        KeyRow(
            (
                Key("video.frame_back", "comma", "a frame back"),
                Key("video.frame_on", "full_stop", "a frame on"),
            )
        ),
    ),
    frozenset({"video"}),
)
HISTORY = KeyGroup(
    "one job, its history",
    (
        KeyRow(
            (Key("history.earlier", "h", "back in time"), Key("history.later", "l", "later")),
            "; so do left and right",
        ),
        KeyRow((Key("history.verify", "v", "verify the record"),)),
    ),
    frozenset({"history"}),
)
GENERATE = KeyGroup(
    "generate",
    (
        KeyRow(
            (
                Key("generate.submit", "ctrl+s", "submit", while_typing=True),
                Key("generate.edit", "e", "back into the prompt"),
            )
        ),
        KeyRow(
            (
                Key("generate.earlier", "ctrl+up", "earlier prompts", while_typing=True),
                Key("generate.later", "ctrl+down", "later ones", while_typing=True),
                Key("generate.editor", "ctrl+o", "your own editor", while_typing=True),
            )
        ),
    ),
    frozenset({"generate"}),
)
ANALYTICS = KeyGroup(
    "analytics",
    (
        KeyRow((Key("analytics.span", "t", "span of time"),)),
        KeyRow(
            (
                Key("analytics.finer", "plus,equals_sign", "finer columns"),
                Key("analytics.coarser", "minus", "coarser"),
            )
        ),
        KeyRow(
            (Key("analytics.enlarge", "z", "enlarge a chart"), Key("analytics.export", "x", "export CSV"))
        ),
    ),
    frozenset({"analytics"}),
)
FILMS = KeyGroup(
    "films",
    (
        KeyRow((Key("films.left", "h", "film before"), Key("films.right", "l", "next film"))),
        KeyRow((Key("films.next", "n", "older films"), Key("films.previous", "p", "newer ones"))),
    ),
    frozenset({"films"}),
)
AUDIT = KeyGroup(
    "audit",
    (
        KeyRow(
            (
                Key("audit.previous_tab", "left_square_bracket", "tab before"),
                Key("audit.next_tab", "right_square_bracket", "next tab"),
            )
        ),
        KeyRow((Key("audit.find", "slash", "into the field: a question, a time, a job"),)),
        KeyRow(
            (
                Key("audit.order", "s", "oldest or newest first"),
                Key("audit.counts", "t", "who did what"),
                Key("audit.more", "n", "more commits"),
            )
        ),
        KeyRow(
            (Key("audit.earlier", "h", "back in time"), Key("audit.later", "l", "later")),
            "; so do left and right",
        ),
        KeyRow((Key("audit.present", "0", "now"), Key("audit.forget", "F", "forget the first head"))),
        KeyRow(
            (Key("audit.export", "x", "export"), Key("audit.compare", "C", "compare everything, or stop it"))
        ),
    ),
    frozenset({"audit"}),
)
SETTINGS = KeyGroup(
    "settings",
    (
        KeyRow(
            (
                Key("settings.save", "ctrl+s", "save", while_typing=True),
                Key("settings.reset", "ctrl+z", "reset", while_typing=True),
                Key("settings.keys", "K", "change keys"),
            )
        ),
        KeyRow(
            (
                Key("settings.new_key", "A", "new API key"),
                Key("settings.revoke_key", "X", "revoke an API key"),
                Key("settings.webhooks", "W", "webhooks"),
            )
        ),
        KeyRow((Key("keys.came_with", "backspace,delete", "give a key back", fixed=True),)),
    ),
    frozenset({"settings"}),
)
WEBHOOKS = KeyGroup(
    "webhooks",
    (
        KeyRow(
            (Key("webhooks.new", "n", "new webhook"), Key("webhooks.redeliver", "s", "send a message again"))
        ),
        KeyRow((Key("webhooks.rotate", "r", "another secret"), Key("webhooks.delete", "X", "delete"))),
    ),
    frozenset({"webhooks"}),
)
DIALOGS = KeyGroup(
    "dialogs",
    (
        KeyRow((Key("dialogs.yes", "y", "yes"), Key("dialogs.no", "n", "no"))),
        KeyRow((Key("dialogs.left", "h", "to the left"), Key("dialogs.right", "l", "to the right"))),
        KeyRow(
            (
                Key("dialogs.tick", "space", "tick in the filter"),
                Key("dialogs.apply", "ctrl+s", "apply the filter", while_typing=True),
            )
        ),
        KeyRow((Key("dialogs.copy", "c", "copy a new API key"),)),
    ),
    frozenset({"dialogs"}),
)
KEY_GROUPS = (
    EVERYWHERE,
    JOBS,
    JOB_ACTIONS,
    JOB,
    VIDEO,
    HISTORY,
    GENERATE,
    ANALYTICS,
    FILMS,
    AUDIT,
    SETTINGS,
    WEBHOOKS,
    DIALOGS,
)
KEYS = {key.id: key for group in KEY_GROUPS for key in group.keys}


def key_binding(id: str, action: str, description: str, **more: Any) -> Binding:  # noqa: A002  # as textual names it
    """Return the binding with this id and its default key."""
    return Binding(KEYS[id].keys, action, description, id=id, **more)


ROW_KEYS = (
    key_binding("everywhere.down", "cursor_down", "Down", show=False),
    key_binding("everywhere.up", "cursor_up", "Up", show=False),
    key_binding("everywhere.first", "first", "First", show=False),
    key_binding("everywhere.last", "last", "Last", show=False),
)
"""Bindings that move through a list of Textual."""
