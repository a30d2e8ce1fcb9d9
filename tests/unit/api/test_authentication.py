"""Authentication: the callers of a key file, and addresses that need one."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_api.rpc.authentication import Caller, authenticator_for

from kinolog.process.api_keys import InvalidKeyFile

KEY = "0123456789abcdef"


def test_other_addresses_need_keys(tmp_path: Path) -> None:
    """Listening on an address that other machines can reach needs a key file. The error names the settings."""
    for host in ("0.0.0.0", "::", "192.0.2.7", "kinolog.example"):
        with pytest.raises(InvalidKeyFile, match=r"KINOLOG_API_KEY_FILE.*KINOLOG_API_HOST"):
            authenticator_for(host, None, "default")
        file = tmp_path / "keys"
        file.write_text(f"{KEY} *")
        authenticator_for(host, file, "default")


def test_loopback_needs_no_key() -> None:
    """On a loopback address calls need no key and are anonymous."""
    for host in ("127.0.0.1", "::1", "localhost"):
        assert authenticator_for(host, None, "home").identify(()) == Caller(tenant="home", actor="anonymous")


def test_lines_of_a_key_file(tmp_path: Path) -> None:
    """A line is a key with a tenant and perhaps an actor. Blank lines and comments are skipped.

    Whoever has a key of every tenant and names none is an operator.
    """
    file = tmp_path / "keys"
    file.write_text(f"# who may call\n\n{KEY} *\n{KEY}1 team  # theirs\n{KEY}2 team Jo Doe\n")
    authenticator = authenticator_for("127.0.0.1", file, "home")
    found = [authenticator.identify([("authorization", f"bearer {KEY}{end}")]) for end in ("", "1", "2")]
    assert found == [
        Caller(tenant="home", actor="anonymous", is_operator=True),
        Caller(tenant="team", actor="anonymous"),
        Caller(tenant="team", actor="Jo Doe"),
    ]


@pytest.mark.parametrize(
    ("owner", "named"),
    [("zürich", "tenant"), ("../up", "tenant"), ("team Jürgen", "actor"), ("team a\x1b[2J", "actor")],
)
def test_a_name_that_no_call_may_have_is_found_at_start(tmp_path: Path, owner: str, named: str) -> None:
    """A tenant or actor that every call would be refused for is an error of the file, with its line."""
    file = tmp_path / "keys"
    file.write_text(f"{KEY} *\n{KEY}1 {owner}\n")
    with pytest.raises(InvalidKeyFile, match=f"line 2: the {named} must be"):
        authenticator_for("127.0.0.1", file, "home")
