"""The file of API keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.process.api_keys import InvalidKeyFile, read_keys


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no key"),
        ("# nothing\n", "has no key"),
        ("short-key\n", "line 1: a key must have at least 16"),
        ("# one\nkl\u00fcssel-0123456789abcdef\n", "line 2: .* ASCII"),
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
