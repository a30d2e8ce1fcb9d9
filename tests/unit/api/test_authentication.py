"""Key files, and addresses that need one."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_api.rpc.authentication import Caller, InvalidKeyFile, authenticator_for, read_keys

KEY = "0123456789abcdef"


def test_other_addresses_need_keys(tmp_path: Path) -> None:
    """An address that other machines can reach is refused without a key file, saying what to set."""
    for host in ("0.0.0.0", "::", "192.0.2.7", "kinolog.example"):
        with pytest.raises(InvalidKeyFile, match=r"KINOLOG_API_KEY_FILE.*KINOLOG_API_HOST"):
            authenticator_for(host, None, "default")
        file = tmp_path / "keys"
        file.write_text(KEY)
        authenticator_for(host, file, "default")


def test_loopback_needs_no_key() -> None:
    """On this machine's own address calls come without a key, as nobody in particular."""
    for host in ("127.0.0.1", "::1", "localhost"):
        assert authenticator_for(host, None, "home").identify(()) == Caller("home", "anonymous")


def test_lines_of_a_key_file(tmp_path: Path) -> None:
    """A line is a key, perhaps with tenant and actor; blank lines and comments are passed over."""
    file = tmp_path / "keys"
    file.write_text(f"# who may call\n\n{KEY}\n{KEY}1 team  # theirs\n{KEY}2 team Jo Doe\n")
    callers = authenticator_for("127.0.0.1", file, "home")
    found = [callers.identify([("authorization", f"bearer {KEY}{end}")]) for end in ("", "1", "2")]
    assert found == [Caller("home", "anonymous"), Caller("team", "anonymous"), Caller("team", "Jo Doe")]


@pytest.mark.parametrize("text", ["", "# nothing\n", "short-key", "\xff"])
def test_key_files_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    """A file without keys, with a key too short, or that is no text is refused; no key is repeated."""
    file = tmp_path / "keys"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidKeyFile) as refusal:
        read_keys(file)
    assert "short-key" not in str(refusal.value)
    with pytest.raises(InvalidKeyFile, match="cannot read"):
        read_keys(tmp_path / "missing")
