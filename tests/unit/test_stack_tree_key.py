"""The key of a stack that signs heads of the tree: made once, and rotated by a command."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinolog.merkle.signed_note import NoteKey
from kinolog.process.files.head_keys import HeadKeysUnusable, read_head_keys
from kinolog_cli.app import app
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import StartError
from kinolog_stack.servers.tree_key import HEADS_SETTING, KEY_SETTING, PLACES_SETTING, tree_env

RSA_HEADER = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A new data folder."""
    return DataFolder(tmp_path / "data")


def test_a_new_data_folder_gets_a_key(folder: DataFolder) -> None:
    """The key is made once, for its owner alone; later starts use it."""
    env = tree_env(folder, {})
    path = Path(env[KEY_SETTING])
    assert path == folder.path / "secrets" / "tree.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert env[HEADS_SETTING] == str(folder.path / "heads.log")
    (key,) = read_head_keys(path)
    assert tree_env(folder, {}) == env
    assert [NoteKey.of(each) for each in read_head_keys(path)] == [NoteKey.of(key)]


def test_relative_places_are_in_the_data_folder(folder: DataFolder) -> None:
    """URLs and absolute paths stay as they are."""
    places = "copies/heads.log, s3://bucket/heads,/mnt/heads.log"
    env = tree_env(folder, {HEADS_SETTING: "signed.log", PLACES_SETTING: places})
    assert env[HEADS_SETTING] == str(folder.path / "signed.log")
    assert env[PLACES_SETTING] == f"{folder.path}/copies/heads.log,s3://bucket/heads,/mnt/heads.log"
    assert PLACES_SETTING not in tree_env(folder, {})


def test_both_places_can_be_chosen(folder: DataFolder, tmp_path: Path) -> None:
    chosen = {KEY_SETTING: str(tmp_path / "elsewhere" / "key"), HEADS_SETTING: str(tmp_path / "heads")}
    assert tree_env(folder, chosen) == chosen
    assert not folder.tree_key.exists()


@pytest.mark.parametrize("text", ["", "nothing", RSA_HEADER])
def test_a_file_without_keys_is_not_replaced(folder: DataFolder, text: str) -> None:
    tree_env(folder, {})
    folder.tree_key.write_text(text, encoding="ascii")
    with pytest.raises(StartError, match=r"tree\.key"):
        tree_env(folder, {})
    with pytest.raises(HeadKeysUnusable):
        read_head_keys(folder.tree_key)
    assert folder.tree_key.read_text(encoding="ascii") == text


def test_the_key_is_rotated(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new key comes first. All earlier ones stay: any may have signed the last head."""
    monkeypatch.delenv(KEY_SETTING, raising=False)
    tree_env(folder, {})
    ids = [NoteKey.of(key).id for key in read_head_keys(folder.tree_key)]
    for _ in range(2):
        done = CliRunner().invoke(app, ["audit", "rotate-key", "--json", "--data", str(folder.path)])
        assert done.exit_code == 0
        printed = json.loads(done.stdout)
        assert printed["earlier_key_id"] == ids[0]
        ids.insert(0, printed["key_id"])
        assert [NoteKey.of(key).id for key in read_head_keys(folder.tree_key)] == ids


def test_without_a_key_none_is_rotated(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_SETTING, raising=False)
    done = CliRunner().invoke(app, ["audit", "rotate-key", "--data", str(folder.path)])
    assert done.exit_code == 1
    assert "the key was not changed" in done.output
    assert not folder.tree_key.exists()
