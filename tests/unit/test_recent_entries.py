"""RecentEntries: bounded, and the entry written longest ago is removed first."""

from __future__ import annotations

from kinolog.connections.recent_entries import RecentEntries


def test_the_oldest_write_is_removed() -> None:
    """A write beyond the limit removes the entry written longest ago; writing an entry again makes it recent."""
    entries = RecentEntries[str, int](2)
    entries["a"] = 1
    entries["b"] = 2
    entries["a"] = 3
    entries["c"] = 4
    assert dict(entries) == {"a": 3, "c": 4}


def test_removed_entries_make_room() -> None:
    """Removing entries makes room for others."""
    entries = RecentEntries[str, int](1)
    entries["a"] = 1
    assert entries.pop("a") == 1
    entries["b"] = 2
    assert dict(entries) == {"b": 2}
    entries.clear()
    assert not entries
