"""The bundle for those who help: what is replaced in it as a secret, in all its forms, and what is not."""

from __future__ import annotations

import json
import os
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from kinolog_cli.stack_commands import write_bundle
from kinolog_stack.checks.doctor_check import DoctorCheck
from kinolog_stack.checks.support_bundle import REPLACED, known_secrets, without_secrets, write_support_bundle
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.servers.passwords import load_passwords

USERS = ("superuser", "kinolog_projector", "kinolog_api", "projector")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder with passwords and a key."""
    made = DataFolder(tmp_path / "data")
    load_passwords(made.passwords, USERS)
    made.secrets.mkdir()
    made.tree_key.write_text(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
    )
    return made


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "KINOLOG_DATABASE_URL",
            "postgresql://kinolog:pass%40word@db/x",
            "user kinolog, pass@word, pass%40word",
        ),
        ("KINOLOG_DATABASE_URL", "postgresql://db/x?user=u&password=passphrase", "tried passphrase"),
        ("KINOLOG_NATS_URL", "nats://one:firstpass@a,nats://two:secondpass@b", "firstpass or secondpass"),
        ("KINOLOG_NATS_URL", "nats://0123456789abcdef@a", "0123456789abcdef"),
        ("https_proxy", "http://user:proxypass@proxy:3128", "proxypass"),
        ("KINOLOG_TREE_HEADS_TO", "s3://bucket/heads,https://hook/t0ken", "https://hook/t0ken answers 404"),
        ("AWS_SECRET_ACCESS_KEY", 'quo"te\\back/ü', json.dumps('quo"te\\back/ü')),
        ("AWS_SECRET_ACCESS_KEY", 'quo"te\\back/ü', "https://x/?k=quo%22te%5Cback%2F%C3%BC"),
    ],
)
def test_a_secret_is_found_in_every_form(folder: DataFolder, name: str, value: str, text: str) -> None:
    """That of a URL by itself, and each as JSON and URLs write it."""
    shown = without_secrets(text, known_secrets(folder, {name: value}))
    assert REPLACED in shown
    for secret in ("pass", "0123", "t0ken", "quo", "back"):
        assert secret not in shown


def test_files_of_secrets_are_replaced_and_names_are_not(folder: DataFolder, tmp_path: Path) -> None:
    """Names of users, tenants and settings stay: without them nothing could be understood."""
    keys, mail, tenants = (tmp_path / name for name in ("api_keys", "mail", "tenants.toml"))
    keys.write_text("# of all callers\n0123456789abcdef marketing operator\n")
    mail.write_text("a password of words\n")
    tenants.write_text("[tenant.marketing]\nmax_queued_jobs = 100\n")
    environment = {
        "KINOLOG_API_KEY_FILE": str(keys),
        "KINOLOG_SMTP_PASSWORD_FILE": os.path.relpath(mail),
        "KINOLOG_TENANTS_FILE": str(tenants),
        "KINOLOG_DATABASE_URL": "postgresql://kinolog_api@db/kinolog",
    }
    secrets = known_secrets(folder, environment)
    passwords = json.loads(folder.passwords.read_text(encoding="utf-8"))
    hidden = [*passwords.values(), "0123456789abcdef", "a password of words", "MC4CAQAwBQYDK2VwBCIEIA=="]
    assert without_secrets(" ".join(hidden), secrets) == " ".join([REPLACED] * len(hidden))
    kept = f"{' '.join(USERS)} kinolog_projector_position marketing operator max_queued_jobs BEGIN PRIVATE KEY {keys}"
    assert without_secrets(kept, secrets) == kept


def test_the_parts_have_no_secret(folder: DataFolder) -> None:
    """What the doctor quotes is replaced there as JSON writes it, and settings are named without values."""
    environment = {"KINOLOG_SMTP_PASSWORD": 'quo"te-ü', "KINOLOG_WORKERS": "2"}
    file = BytesIO()
    checks = [DoctorCheck(name="mail", status="wrong", found='quo"te-ü was refused by the projector')]
    write_support_bundle(file, folder, checks, environment)
    with ZipFile(file) as archive:
        (check,) = json.loads(archive.read("checks.json"))
        settings = json.loads(archive.read("settings.json"))
    assert check["found"] == f"{REPLACED} was refused by the projector"
    assert settings == {"KINOLOG_SMTP_PASSWORD": "(set)", "KINOLOG_WORKERS": "2"}


def test_the_file_is_for_its_owner(folder: DataFolder, tmp_path: Path) -> None:
    """Also where everyone could read what was there before."""
    path = tmp_path / "bundle.zip"
    path.write_text("earlier")
    path.chmod(0o644)
    write_bundle(path, folder, [])
    assert path.stat().st_mode & 0o777 == 0o600
    assert ZipFile(path).testzip() is None
