"""`make env` makes what docker-compose.yml needs, and changes nothing that is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.make_env import KEY_FILES, PASSWORDS, make_env
from kinolog.process.api_keys import read_keys
from tests.fixtures.compose_services import read_env


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without passwords and keys."""
    (tmp_path / "deploy").mkdir()
    return tmp_path


def test_passwords_and_keys_can_be_used(checkout: Path) -> None:
    """Every password is random, the files are those that the services read, and only the owner may read them."""
    made = make_env(checkout)
    assert len(made) == 1 + len(KEY_FILES)
    passwords = read_env(checkout / ".env")
    assert passwords.keys() == set(PASSWORDS)
    assert len(set(passwords.values())) == len(PASSWORDS)
    assert all(len(value) == 48 and value.isalnum() for value in passwords.values())
    (holder,) = read_keys(checkout / "deploy" / "api_keys").values()
    assert holder.tenant == "default"
    assert len(bytes.fromhex((checkout / "deploy" / "master_key").read_text())) == 32
    key = load_pem_private_key((checkout / "deploy" / "tree_key").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    for path in (checkout / ".env", *(checkout / "deploy" / name for name in KEY_FILES)):
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_what_is_there_stays(checkout: Path) -> None:
    """Passwords, other variables and keys stay; only what is missing or empty is made."""
    (checkout / ".env").write_text("# mine\nNATS_API_PASSWORD=own\nPOSTGRES_PASSWORD=\nKINOLOG_MODEL=x\n")
    (checkout / "deploy" / "master_key").write_text("own")
    made = make_env(checkout)
    assert "deploy/master_key" not in made
    text = (checkout / ".env").read_text()
    assert text.startswith("# mine\nNATS_API_PASSWORD=own\nKINOLOG_MODEL=x\n")
    assert len(read_env(checkout / ".env")["POSTGRES_PASSWORD"]) == 48
    assert (checkout / "deploy" / "master_key").read_text() == "own"
    assert make_env(checkout) == []
    assert (checkout / ".env").read_text() == text
