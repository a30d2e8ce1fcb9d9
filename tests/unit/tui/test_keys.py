"""The ids of bindings, conflicting keys, and keys from a file."""

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
"""Modules that run something when they are imported."""


def owners() -> Iterator[tuple[str, Binding]]:
    """Yield every binding that a class of the package defines, with the name of the class."""
    for module in pkgutil.walk_packages(kinolog_tui.__path__, "kinolog_tui."):
        if module.name in STARTS:
            continue
        for owner in vars(importlib.import_module(module.name)).values():
            if isinstance(owner, type) and issubclass(owner, DOMNode) and owner.__module__ == module.name:
                for binding in vars(owner).get("BINDINGS", ()):
                    assert isinstance(binding, Binding), f"{owner.__name__}: {binding} has no id"
                    yield owner.__name__, binding


def test_every_binding_has_an_id_and_a_description() -> None:
    """Every binding has an id, a key and a description, and every id has a binding."""
    found = {binding.id or f"{owner}: {binding.key}": binding.key for owner, binding in owners()}
    assert found == {key.id: key.keys for key in KEYS.values()}
    assert all(row.description for part in KEY_GROUPS for row in part.rows)


def test_ids_are_unique() -> None:
    """Ids are unique; only bindings of the group `everywhere` are defined in several classes."""
    names = [key.id for part in KEY_GROUPS for key in part.keys]
    assert len(names) == len(set(names)) == len(KEYS)
    places = defaultdict(set)
    for owner, binding in owners():
        places[binding.id].add(owner)
    assert {name for name, found in places.items() if len(found) > 1} <= {
        name for name in KEYS if name.startswith("everywhere.")
    }


def test_no_stored_id_is_renamed() -> None:
    """Ids that settings files may contain; a removed id would lose its key there."""
    stored = (Path(__file__).parent / "key_names.txt").read_text(encoding="utf-8").split()
    assert [key.id for key in KEYS.values() if not key.fixed] == stored


def test_default_keys_do_not_conflict() -> None:
    """No default key conflicts with another binding."""
    wrong = {
        key.id: key_conflict(key.id, one, {})
        for key in KEYS.values()
        if not key.fixed
        for one in keys_for(key.id, {})
    }
    assert set(wrong.values()) == {""}


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [
        ("jobs.search", "f", "f is “filter” (jobs)."),
        ("jobs.search", "q", "q is “quit” (everywhere)."),
        ("everywhere.quit", "A", "A is “new API key” (settings)."),
        ("job.open", "c", "c is “cancel” (jobs and one job)."),
        ("video.play", "x", "x is “all lines” (one job)."),
        ("jobs.search", "enter", "enter stays as it is."),
        ("jobs.search", "ctrl+q", "ctrl+q quits."),
        ("generate.submit", "x", "x is text in a field"),
        ("jobs.search", "A", ""),
        ("jobs.search", "slash", ""),
        ("video.back", "u", ""),
        ("generate.submit", "f2", ""),
    ],
)
def test_a_taken_key_is_refused(name: str, key: str, text: str) -> None:
    """The conflicting binding is named; keys of other pages and free keys are accepted."""
    conflict = key_conflict(name, key, {})
    assert conflict.startswith(text)
    assert bool(conflict) is bool(text)


def test_two_bindings_may_swap_keys() -> None:
    """The former key of a changed binding is free, and its new key is not."""
    assert key_conflict("jobs.sort", "f", {"jobs.filter": "F"}) == ""
    assert "“filter”" in key_conflict("jobs.sort", "F", {"jobs.filter": "F"})
    assert valid_keymap({"jobs.filter": "s", "jobs.sort": "f"}) == {"jobs.filter": "s", "jobs.sort": "f"}


def test_keys_read_as_people_write_them() -> None:
    """Keys are shown by their symbols, and by names if they have none."""
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


def test_invalid_keys_are_ignored(tmp_path: Path) -> None:
    """Valid keys of the file are applied; invalid ones are ignored and do not affect other preferences."""
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


def test_global_bindings_conflict_with_every_group() -> None:
    """No key of any group is free for a binding of the group `everywhere`."""
    for part in KEY_GROUPS:
        for key in part.keys:
            if part is not EVERYWHERE and not key.fixed:
                assert key_conflict("everywhere.help", keys_for(key.id, {})[0], {}) != ""
