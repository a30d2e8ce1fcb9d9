"""The names of keys, what is refused, and what is read from a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import kinolog_tui
import pytest
from kinolog_tui.keys.bindings import EVERYWHERE, KEY_GROUPS, KEYS
from kinolog_tui.keys.keymap import display_key, key_conflict, keys_for, valid_keymap
from kinolog_tui.session.preferences import Preferences, PreferenceStore
from textual.binding import Binding
from textual.dom import DOMNode

STARTS = ("kinolog_tui.__main__",)
"""Modules that do something when they are imported."""


def owners() -> Iterator[tuple[str, Binding]]:
    """Every binding that a class of the package has of its own, with the name of the class."""
    for module in pkgutil.walk_packages(kinolog_tui.__path__, "kinolog_tui."):
        if module.name in STARTS:
            continue
        for owner in vars(importlib.import_module(module.name)).values():
            if isinstance(owner, type) and issubclass(owner, DOMNode) and owner.__module__ == module.name:
                for binding in vars(owner).get("BINDINGS", ()):
                    assert isinstance(binding, Binding), f"{owner.__name__}: {binding} has no name"
                    yield owner.__name__, binding


def test_every_binding_has_a_name_that_the_help_tells() -> None:
    """No binding is without its name, its key and its words, and no name is without a binding."""
    found = {binding.id or f"{owner}: {binding.key}": binding.key for owner, binding in owners()}
    assert found == {key.id: key.keys for key in KEYS.values()}
    assert all(row.description for part in KEY_GROUPS for row in part.rows)


def test_a_name_is_one_thing() -> None:
    """Names are not given twice; only what is the same everywhere is bound in several places."""
    names = [key.id for part in KEY_GROUPS for key in part.keys]
    assert len(names) == len(set(names)) == len(KEYS)
    places = defaultdict(set)
    for owner, binding in owners():
        places[binding.id].add(owner)
    assert {name for name, those in places.items() if len(those) > 1} <= {
        name for name in KEYS if name.startswith("everywhere.")
    }


def test_names_are_as_they_were_kept() -> None:
    """The names that people's settings may hold; a name that is gone from here would be forgotten there."""
    kept = (Path(__file__).parent / "key_names.txt").read_text(encoding="utf-8").split()
    assert [key.id for key in KEYS.values() if not key.fixed] == kept


def test_keys_that_come_along_do_not_clash() -> None:
    """As it comes, each key could be chosen for what it does."""
    wrong = {
        key.id: key_conflict(key.id, one, {})
        for key in KEYS.values()
        if not key.fixed
        for one in keys_for(key.id, {})
    }
    assert set(wrong.values()) == {""}


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("jobs.search", "f", "f is “filter” (jobs)."),
        ("jobs.search", "q", "q is “quit” (everywhere)."),
        ("everywhere.quit", "z", "z is “enlarge a chart” (analytics)."),
        ("job.open", "c", "c is “cancel” (jobs and one job)."),
        ("video.play", "x", "x is “all lines” (one job)."),
        ("jobs.search", "enter", "enter stays as it is."),
        ("jobs.search", "ctrl+q", "ctrl+q quits."),
        ("generate.submit", "x", "x is text in a field"),
        ("jobs.search", "z", ""),
        ("jobs.search", "slash", ""),
        ("video.back", "u", ""),
        ("generate.submit", "f2", ""),
    ],
)
def test_a_key_that_another_has_is_refused(name: str, key: str, words: str) -> None:
    """What has the key where this one works is named; keys of other pages and those that are free are taken."""
    said = key_conflict(name, key, {})
    assert said.startswith(words)
    assert bool(said) is bool(words)


def test_keys_may_change_places() -> None:
    """A key that another gave up is free, and the one that was taken is not."""
    assert key_conflict("jobs.sort", "f", {"jobs.filter": "F"}) == ""
    assert "“filter”" in key_conflict("jobs.sort", "F", {"jobs.filter": "F"})
    assert valid_keymap({"jobs.filter": "s", "jobs.sort": "f"}) == {"jobs.filter": "s", "jobs.sort": "f"}


def test_keys_read_as_people_write_them() -> None:
    """Signs instead of their names, and words for keys without a sign."""
    names = ("slash", "question_mark", "ctrl+s", "escape", "enter", "S", "plus", "left", "space", "f2")
    assert [display_key(name) for name in names] == [
        "/",
        "?",
        "ctrl+s",
        "esc",
        "enter",
        "S",
        "+",
        "←",
        "space",
        "f2",
    ]


def test_what_cannot_hold_is_left_out(tmp_path: Path) -> None:
    """Of the keys in the file those hold that can; the rest, and other choices, are as if it had not been there."""
    store = PreferenceStore(tmp_path / "tui.json")
    store.file.write_text(
        """{"bell": true, "keys": {"jobs.search": "F", "jobs.filter": "/", "jobs.sort": "q", "jobs.span": "T,é",
        "jobs.copy": "nothing", "jobs.mark": 5, "jobs.retry": "", "everywhere.back": "b", "gone": "g",
        "settings.save": "x", "job.open": "ctrl+no+x", "job.save": "w", "analytics.export": "w"}}"""
    )
    expected = {"jobs.search": "F", "jobs.filter": "slash", "jobs.span": "T,é", "analytics.export": "w"}
    assert store.load() == Preferences(bell=True, keys=expected)
    store.save(store.load())
    assert store.load().keys == expected
    store.file.write_text('{"keys": ["jobs.search"]}')
    assert store.load() == Preferences()


def test_what_works_everywhere_clashes_everywhere() -> None:
    """No key of any place is free for what works in all of them."""
    for part in KEY_GROUPS:
        for key in part.keys:
            if part is not EVERYWHERE and not key.fixed:
                assert key_conflict("everywhere.help", keys_for(key.id, {})[0], {}) != ""
