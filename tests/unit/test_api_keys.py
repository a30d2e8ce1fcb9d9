"""The file of API keys."""

from __future__ import annotations

from pathlib import Path
from shutil import copy, rmtree
from tempfile import mkdtemp

import pytest

from kinolog.process.api_keys import InvalidKeyFile, KeyHolder, read_keys


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no key"),
        ("# nothing\n", "has no key"),
        ("short-key\n", "line 1: a key must have at least 16"),
        ("# one\nkl\u00fcssel-0123456789abcdef\n", "line 2: .* ASCII"),
        ("short-key-0123456789\n", r"line 1: the key has no tenant: write KEY TENANT, or KEY \* for"),
        ("short-key-0123456789 **\n", "line 1: the tenant must be 1 to 64 letters"),
        ("short-key-0123456789 a\n\nshort-key-0123456789 * b\n", "line 3: the key of line 1 is here again"),
    ],
)
def test_key_files_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    """A key file without usable keys is refused with the line, never with the key."""
    path = tmp_path / "keys"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidKeyFile, match=words) as refused:
        read_keys(path)
    assert "short-key" not in str(refused.value)


def test_key_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is missing or no UTF-8 is refused with its path."""
    path = tmp_path / "keys"
    with pytest.raises(InvalidKeyFile, match=r"cannot read .*keys"):
        read_keys(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidKeyFile, match=r"cannot read .*keys"):
        read_keys(path)


def test_a_key_file_that_others_can_read(tmp_path: Path) -> None:
    """A file that every user can read is refused with the command that helps. A private folder protects it too."""
    path = tmp_path / "keys"
    path.write_text("0123456789abcdef * Jo Doe\n")
    path.chmod(0o644)
    assert list(read_keys(path).values()) == [KeyHolder(tenant="", actor="Jo Doe")]
    shared = Path(mkdtemp(dir="/tmp"))
    try:
        shared.chmod(0o755)
        moved = Path(copy(path, shared))
        moved.chmod(0o644)
        with pytest.raises(InvalidKeyFile, match=rf"other users .* can read .*: run chmod o-rwx {moved}"):
            read_keys(moved)
        moved.chmod(0o640)
        assert read_keys(moved)
    finally:
        rmtree(shared)
