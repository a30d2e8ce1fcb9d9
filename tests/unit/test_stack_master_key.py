"""The master key of a stack: made once, never replaced silently."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from kinolog.privacy.master_keys import MasterKey
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import StartError
from kinolog_stack.servers import master_key
from kinolog_stack.servers.master_key import OtherMasterKey, master_key_env
from tests.fixtures.flushes import failing_flushes

FILE = "KINOLOG_MASTER_KEY_FILE"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A new data folder."""
    made = DataFolder(tmp_path / "data")
    made.path.mkdir()
    return made


def test_a_new_data_folder_gets_a_key(folder: DataFolder) -> None:
    """The key is made once, for its owner only and outside the servers' folders; later starts use it."""
    env = master_key_env(folder, {})
    path = Path(env[FILE])
    assert path == folder.path / "secrets" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    text = path.read_text(encoding="utf-8")
    assert master_key_env(folder, {}) == env
    assert path.read_text(encoding="utf-8") == text


def test_the_place_can_be_chosen(folder: DataFolder, tmp_path: Path) -> None:
    """With a setting the key is made there. With a key in the environment no file is made."""
    elsewhere = tmp_path / "elsewhere" / "key"
    assert master_key_env(folder, {FILE: str(elsewhere)}) == {FILE: str(elsewhere)}
    assert elsewhere.exists()
    assert not folder.master_key.exists()
    text = elsewhere.read_text(encoding="utf-8").splitlines()[-1]
    assert master_key_env(folder, {"KINOLOG_MASTER_KEY": text}) == {"KINOLOG_MASTER_KEY": text}
    assert not folder.master_key.exists()


def test_a_lost_key_is_not_replaced(folder: DataFolder) -> None:
    """A data folder whose key is missing does not get another one: nothing could be unsealed with it."""
    path = Path(master_key_env(folder, {})[FILE])
    text = path.read_text(encoding="utf-8")
    path.unlink()
    with pytest.raises(StartError, match=r"master key .* is missing") as refused:
        master_key_env(folder, {})
    assert "Restore the file" in refused.value.remedy
    assert not path.exists()
    path.write_text(text, encoding="utf-8")
    assert master_key_env(folder, {})[FILE] == str(path)


def test_two_that_share_a_file_get_one_key(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two kinologs that start at the same time, the second uses the key of the first: neither replaces it."""
    shared = tmp_path / "shared.key"

    def quicker() -> str:
        shared.write_text("ab" * 32, encoding="ascii")
        return "cd" * 32

    monkeypatch.setattr(master_key, "new_master_key", quicker)
    master_key_env(folder, {FILE: str(shared)})
    assert shared.read_text(encoding="ascii") == "ab" * 32
    assert folder.master_key_id.read_text(encoding="ascii").strip() == MasterKey(b"\xab" * 32).id.hex()


def test_another_key_is_refused_and_a_rotation_is_not(folder: DataFolder) -> None:
    """A key that does not belong to the data folder is refused at once. Put before the old key it is accepted."""
    path = Path(master_key_env(folder, {})[FILE])
    old = path.read_text(encoding="utf-8")
    path.write_text("ab" * 32, encoding="ascii")
    with pytest.raises(StartError, match="not among the configured ones"):
        master_key_env(folder, {})
    path.write_text("ab" * 32 + "\n" + old, encoding="ascii")
    master_key_env(folder, {})
    path.write_text("ab" * 32, encoding="ascii")
    master_key_env(folder, {})


@pytest.mark.parametrize("text", ["", "nonsense"])
def test_a_damaged_key_is_named(folder: DataFolder, text: str) -> None:
    """A file without a key is refused by name."""
    path = Path(master_key_env(folder, {})[FILE])
    path.write_text(text, encoding="ascii")
    with pytest.raises(StartError, match="the master key cannot be used: KINOLOG_MASTER_KEY_FILE"):
        master_key_env(folder, {})


def test_a_full_disk_does_not_make_the_folder_forget_its_key(folder: DataFolder) -> None:
    """The id of the master key is replaced whole or not at all: a folder without it would get another key."""
    path = Path(master_key_env(folder, {})[FILE])
    known = folder.master_key_id.read_text(encoding="ascii")
    path.write_text("ab" * 32 + "\n" + path.read_text(encoding="utf-8"), encoding="ascii")
    with failing_flushes(), pytest.raises(StartError, match="No space left on device") as refused:
        master_key_env(folder, {})
    assert "Make room" in refused.value.remedy
    assert folder.master_key_id.read_text(encoding="ascii") == known


def test_a_backup_brings_its_own_key(folder: DataFolder) -> None:
    """Before a restore no key is made, and the folder's own is neither needed nor forgotten."""
    with pytest.raises(StartError, match="there is no master key at") as refused:
        master_key_env(folder, {}, of_backup=True)
    assert FILE in refused.value.remedy
    assert not folder.master_key.exists()
    master_key_env(folder, {})
    known = folder.master_key_id.read_text(encoding="ascii")
    of_backup = {"KINOLOG_MASTER_KEY": "ab" * 32}
    assert master_key_env(folder, of_backup, of_backup=True) == of_backup
    assert folder.master_key_id.read_text(encoding="ascii") == known
    with pytest.raises(OtherMasterKey):
        master_key_env(folder, of_backup)
