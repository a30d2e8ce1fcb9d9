"""Authentication: the callers of a key file, and addresses that need one."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.rpc.authentication import Authenticator, Caller, file_keys_for

from kinolog.access.api_key import USER_SCOPES
from kinolog.access.key_text import key_digest
from kinolog.ports.clock import system_clock
from kinolog.process.api_keys import InvalidKeyFile
from tests.adapters.memory.access_log import MemoryAccessLog

KEY = "0123456789abcdef"


def authenticator(host: str, key_file: Path | None) -> Authenticator:
    """Return the authenticator of an api with the default tenant `home` that has created no keys."""
    directory = KeyDirectory(MemoryAccessLog())
    return Authenticator("home", directory, system_clock, file_keys_for(host, key_file))


def test_other_addresses_need_keys(tmp_path: Path) -> None:
    """Listening on an address that other machines can reach needs a key file. The error names the settings."""
    for host in ("0.0.0.0", "::", "192.0.2.7", "kinolog.example"):
        with pytest.raises(InvalidKeyFile, match=r"KINOLOG_API_KEY_FILE.*KINOLOG_API_HOST"):
            file_keys_for(host, None)
        file = tmp_path / "keys"
        file.write_text(f"{KEY} *")
        file_keys_for(host, file)


def test_loopback_needs_no_key() -> None:
    """On a loopback address calls need no key and are anonymous."""
    for host in ("127.0.0.1", "::1", "localhost"):
        found = authenticator(host, None).identify(())
        assert found == Caller(tenant="home", actor="anonymous", every_tenant=True, sees_load=True)


def test_lines_of_a_key_file(tmp_path: Path) -> None:
    """A line is a key with a tenant and perhaps an actor. Blank lines and comments are skipped.

    Whoever has a key of every tenant and names none is an operator, who may also create keys.
    """
    file = tmp_path / "keys"
    file.write_text(f"# who may call\n\n{KEY} *\n{KEY}1 team  # theirs\n{KEY}2 team Jo Doe\n")
    known = authenticator("127.0.0.1", file)
    found = [known.identify([("authorization", f"bearer {KEY}{end}")]) for end in ("", "1", "2")]
    assert found == [
        Caller(
            tenant="home",
            actor="anonymous",
            is_operator=True,
            every_tenant=True,
            sees_load=True,
            key_digest=key_digest(KEY),
        ),
        Caller(tenant="team", actor="anonymous", scopes=USER_SCOPES, key_digest=key_digest(f"{KEY}1")),
        Caller(tenant="team", actor="Jo Doe", scopes=USER_SCOPES, key_digest=key_digest(f"{KEY}2")),
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
        file_keys_for("127.0.0.1", file)
