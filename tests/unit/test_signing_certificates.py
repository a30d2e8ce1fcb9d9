"""The chain of certificates of a stack."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack import signing_certificates
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.doctor import run_checks
from kinolog_stack.errors import StartError
from kinolog_stack.settings import StackSettings
from kinolog_stack.signing_certificates import SigningChain, signing_env
from tests.builders.signed_video import new_chain


def _content(chain: SigningChain) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in chain.folder.iterdir()}


def test_the_chain_is_made_once(tmp_path: Path) -> None:
    """A chain that is there stays, and only its owner can read it."""
    chain = new_chain(tmp_path / "secrets" / "c2pa")
    first = _content(chain)
    assert set(first) == {"root.pem", "root.key", "signer.pem", "signer.key"}
    chain.ensure()
    assert _content(chain) == first
    assert stat.S_IMODE(chain.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in chain.folder.iterdir()} == {0o600}


def test_the_signing_certificate_is_renewed_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that ends within a year is made again under the same root."""
    with monkeypatch.context() as patch:
        patch.setattr(signing_certificates, "SIGNER_VALIDITY", timedelta(days=300))
        chain = new_chain(tmp_path)
    first = _content(chain)
    chain.ensure()
    second = _content(chain)
    assert {name for name in first if first[name] != second[name]} == {"signer.pem", "signer.key"}
    signer = x509.load_pem_x509_certificate(second["signer.pem"])
    signer.verify_directly_issued_by(x509.load_pem_x509_certificate(second["root.pem"]))


def test_an_interrupted_start_is_repaired(tmp_path: Path) -> None:
    """A key without its certificate, or with another one, is made again."""
    chain = new_chain(tmp_path / "chain")
    chain.signer.unlink()
    chain.ensure()
    whole = _content(chain)
    chain.signer_key.write_bytes(new_chain(tmp_path / "other").signer_key.read_bytes())
    chain.ensure()
    assert _content(chain)["signer.pem"] != whole["signer.pem"]


def test_the_doctor_names_a_certificate_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor says until when videos are signed, warns before the end, and names a file that cannot be read."""

    def found() -> tuple[str, str]:
        (check,) = [check for check in run_checks(DataFolder(tmp_path)) if check.name == "signing"]
        return check.status, check.found

    assert found() == ("ok", "videos are not signed: a start makes the certificate")
    chain = new_chain(DataFolder(tmp_path).signing_chain)
    assert found()[0] == "ok"
    assert str(chain.signer) in found()[1]
    monkeypatch.setattr(signing_certificates, "SIGNER_VALIDITY", timedelta(days=20))
    chain.ensure()
    chain.signer.unlink()
    chain.ensure()
    assert found()[0] == "warning"
    monkeypatch.setenv("KINOLOG_SIGNING_CERTIFICATE", str(tmp_path / "missing.pem"))
    assert found()[0] == "wrong"
    monkeypatch.setenv("KINOLOG_SIGNING", "false")
    assert found() == ("ok", "videos are not signed: KINOLOG_SIGNING is false")


def test_the_command_makes_a_chain(tmp_path: Path) -> None:
    """`kinolog certificates` makes a chain and prints the settings of a worker; a file in its place is an error."""
    folder = tmp_path / "c2pa"
    done = CliRunner().invoke(app, ["certificates", str(folder)])
    assert done.exit_code == ExitCode.OK, done.output
    chain = SigningChain(folder)
    assert done.stdout.splitlines()[:2] == [
        f"KINOLOG_SIGNING_CERTIFICATE={chain.signer}",
        f"KINOLOG_SIGNING_KEY={chain.signer_key}",
    ]
    answer = json.loads(CliRunner().invoke(app, ["certificates", str(folder), "--json"]).stdout)
    assert answer["root"] == str(chain.root)
    (tmp_path / "file").touch()
    failed = CliRunner().invoke(app, ["certificates", str(tmp_path / "file")])
    assert failed.exit_code == ExitCode.USAGE
    assert "cannot be used" in failed.stderr


def test_a_root_is_never_replaced(tmp_path: Path) -> None:
    """A lost certificate of the root is made again with its key, and a start that was interrupted goes on."""
    chain = new_chain(tmp_path / "chain")
    first = _content(chain)
    chain.root.unlink()
    chain.ensure()
    second = _content(chain)
    assert {name for name in first if first[name] != second[name]} == {"root.pem"}
    before, after = (x509.load_pem_x509_certificate(each["root.pem"]) for each in (first, second))
    assert (after.subject, after.public_key()) == (before.subject, before.public_key())
    new = SigningChain(tmp_path / "new")
    new.folder.mkdir()
    new.root_key.write_bytes(first["root.key"])
    new.ensure()
    assert new.root_key.read_bytes() == first["root.key"]


@pytest.mark.parametrize("left", [b"", b"-----BEGIN PRIVATE KEY-----\nMIGH", None])
def test_a_damaged_root_key_is_refused_by_name(tmp_path: Path, left: bytes | None) -> None:
    """A key that is half written, empty, or on a disk that is away is not replaced; the message says what to do."""
    chain = SigningChain(tmp_path / "c2pa")
    chain.folder.mkdir()
    if left is None:
        chain.root_key.symlink_to(tmp_path / "away")
    else:
        chain.root_key.write_bytes(left)
    with pytest.raises(StartError, match=r"root\.key|away") as refused:
        signing_env(chain, StackSettings(data=tmp_path))
    assert "Restore the folder from its copy" in refused.value.remedy
    assert [path.name for path in chain.folder.iterdir()] == ["root.key"]
    assert left is None or chain.root_key.read_bytes() == left


def test_a_chain_that_lost_its_root_is_not_continued_under_another(tmp_path: Path) -> None:
    """Videos of before have that root, so a folder without it is refused, and so is a root with another's key."""
    chain, other = new_chain(tmp_path / "chain"), new_chain(tmp_path / "other")
    chain.root.unlink()
    chain.root_key.unlink()
    left = _content(chain)
    with pytest.raises(ValueError, match=r"root\.pem and .*root\.key are missing"):
        chain.ensure()
    assert _content(chain) == left
    other.root_key.write_bytes(new_chain(tmp_path / "third").root_key.read_bytes())
    other.signer.unlink()
    with pytest.raises(ValueError, match=r"root\.key is not the key of .*root\.pem"):
        other.ensure()
    assert not other.signer.exists()


@pytest.mark.parametrize("damage", ["another root's", "damaged"])
def test_a_signing_certificate_that_does_not_fit_is_made_again(tmp_path: Path, damage: str) -> None:
    """A pair of another root, or one that cannot be read, is replaced by one under the root that is there."""
    chain, other = new_chain(tmp_path / "chain"), new_chain(tmp_path / "other")
    if damage == "damaged":
        chain.signer_key.write_bytes(chain.signer_key.read_bytes()[:40])
    else:
        chain.signer.write_bytes(other.signer.read_bytes())
        chain.signer_key.write_bytes(other.signer_key.read_bytes())
    chain.ensure()
    root, signer = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (chain.root, chain.signer))
    signer.verify_directly_issued_by(root)


def test_the_doctor_names_a_root_that_cannot_be_used(tmp_path: Path) -> None:
    """A damaged root ends no start while the signing certificate is good; the doctor says what to restore."""
    chain = new_chain(DataFolder(tmp_path).signing_chain)
    chain.root_key.write_bytes(b"")
    chain.ensure()
    (check,) = [check for check in run_checks(DataFolder(tmp_path)) if check.name == "signing"]
    assert check.status == "warning"
    assert f"{chain.root_key} holds no whole private key" in check.remedy


def test_a_missing_root_key_is_named(tmp_path: Path) -> None:
    """A chain that cannot be continued is refused with what to do, and not replaced."""
    chain = new_chain(tmp_path)
    chain.root_key.unlink()
    chain.signer.unlink()
    with pytest.raises(StartError, match=r"root\.key"):
        signing_env(chain, StackSettings(data=tmp_path))
    assert chain.root.exists()


def test_settings_choose_the_certificate(tmp_path: Path) -> None:
    """Without settings the chain is used, with both paths theirs; one alone is refused; off makes nothing."""
    chain = SigningChain(tmp_path / "c2pa")
    own = signing_env(chain, StackSettings(data=tmp_path, signing=False))
    assert own == {}
    assert not chain.folder.exists()
    one = StackSettings(data=tmp_path, signing_certificate=Path("a.pem"))
    with pytest.raises(StartError, match="belong together"):
        signing_env(chain, one)
    both = StackSettings(data=tmp_path, signing_certificate=Path("a.pem"), signing_key=Path("/b.key"))
    assert signing_env(chain, both) == {
        "KINOLOG_SIGNING_CERTIFICATE": str(Path("a.pem").absolute()),
        "KINOLOG_SIGNING_KEY": "/b.key",
    }
    assert not chain.folder.exists()
    assert signing_env(chain, StackSettings(data=tmp_path)) == {
        "KINOLOG_SIGNING_CERTIFICATE": str(chain.signer),
        "KINOLOG_SIGNING_KEY": str(chain.signer_key),
    }
