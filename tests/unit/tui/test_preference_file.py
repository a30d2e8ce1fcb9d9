"""Where preferences are stored: links and devices stay what they are."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from kinolog_tui.session.preferences import Preferences, PreferenceStore

from tests.fixtures.devices import NULL, device_at

CHOSEN = Preferences(url="http://127.0.0.1:1", api_key="k" * 16)


def test_a_file_is_private_and_whole(tmp_path: Path) -> None:
    """The file may hold a key: only its owner reads it. Saving leaves nothing beside it."""
    store = PreferenceStore(tmp_path / "config" / "tui.json")
    store.save(CHOSEN)
    assert store.load() == CHOSEN
    assert stat.S_IMODE(store.file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "config") == ["tui.json"]
    assert store.reset() == store.load() == Preferences()
    assert os.listdir(tmp_path / "config") == []
    assert store.reset() == Preferences()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Settings that lie in another folder, as in one of dotfiles, are written there; the link stays."""
    kept = tmp_path / "dotfiles.json"
    kept.write_text("{}")
    link = tmp_path / "tui.json"
    link.symlink_to(kept)
    store = PreferenceStore(link)
    store.save(CHOSEN)
    assert link.is_symlink()
    assert PreferenceStore(kept).load() == CHOSEN
    assert store.reset() == store.load() == Preferences()
    assert link.is_symlink()


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    """KINOLOG_TUI_SETTINGS=/dev/null stores nothing, and is neither replaced nor deleted."""
    store = PreferenceStore(device_at(tmp_path / "null", NULL))
    store.save(CHOSEN)
    assert store.load() == store.reset() == Preferences()
    assert stat.S_ISCHR(store.file.stat().st_mode)
