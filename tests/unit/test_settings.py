"""Settings of processes: names and aliases of environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_worker.reporting.device_memory import machine_bytes
from pydantic import ValidationError

from kinolog.access.api_key import Scope
from kinolog.process.setting_groups.common import ProcessSettings
from kinolog.process.setting_groups.identity_tokens import TokenSettings
from kinolog.process.setting_groups.mail import MailSettings
from kinolog.process.settings import (
    ApiSettings,
    GatewaySettings,
    ProjectorSettings,
    WorkerSettings,
    describe_invalid_setting,
)

NAME = "KINOLOG_WORKER_ACK_WAIT_SECONDS"
MODEL_MEMORY = "KINOLOG_WORKER_MODEL_MEMORY"
EARLIER_NAME = "KINOLOG_WORKER_LEASE_SECONDS"


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 30.0),
        ({NAME: "7"}, 7.0),
        ({EARLIER_NAME: "8"}, 8.0),
        ({NAME: "7", EARLIER_NAME: "8"}, 7.0),
    ],
)
def test_the_ack_wait_is_read_under_both_names(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], seconds: float
) -> None:
    """The earlier name is still read; if both are set the new one wins."""
    for name in (NAME, EARLIER_NAME):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert WorkerSettings().worker_ack_wait_seconds == seconds


@pytest.mark.parametrize("name", [NAME, EARLIER_NAME])
def test_an_invalid_ack_wait_is_reported_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The message names the variable in full and does not repeat its value."""
    for each in (NAME, EARLIER_NAME):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "0.125")
    with pytest.raises(ValidationError) as caught:
        WorkerSettings()
    assert describe_invalid_setting(caught.value).startswith(f"{NAME}: ")
    assert "0.125" not in describe_invalid_setting(caught.value)


@pytest.mark.parametrize(
    ("stated", "size"), [("", None), ("0", 0), ("24GiB", 24 << 30), ("1.5 GB", 1_500_000_000)]
)
def test_an_amount_of_memory_has_a_unit(
    monkeypatch: pytest.MonkeyPatch, stated: str, size: int | None
) -> None:
    monkeypatch.delenv(MODEL_MEMORY, raising=False)
    if stated:
        monkeypatch.setenv(MODEL_MEMORY, stated)
    assert WorkerSettings().worker_model_memory == size


@pytest.mark.parametrize("stated", ["-5", "lots", "12 parrots"])
def test_what_is_no_amount_of_memory_is_refused(monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
    monkeypatch.setenv(MODEL_MEMORY, stated)
    with pytest.raises(ValidationError) as caught:
        WorkerSettings()
    told = describe_invalid_setting(caught.value)
    assert told == f"{MODEL_MEMORY}: must be a number of bytes, or a size such as 24GiB"


def test_a_container_has_the_memory_of_its_limit(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    machine = machine_bytes(limit)
    assert machine > 1 << 20
    limit.write_text("max\n")
    assert machine_bytes(limit) == machine
    limit.write_text(f"{1 << 20}\n")
    assert machine_bytes(limit) == 1 << 20


ISSUERS, AUDIENCE = "KINOLOG_OIDC_ISSUERS", "KINOLOG_OIDC_AUDIENCE"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (ISSUERS, "http://login.example", "https://"),
        (ISSUERS, "https://user:password@login.example", "https://"),
        (ISSUERS, "https://login.example?a=b", "https://"),
        (AUDIENCE, "", "needs KINOLOG_OIDC_AUDIENCE"),
        ("KINOLOG_OIDC_ALGORITHMS", "RS256,HS256", "must be of RS256"),
        ("KINOLOG_OIDC_ALGORITHMS", "none", "must be of RS256"),
        ("KINOLOG_OIDC_TENANT", "*", "must be 1 to 64"),
        ("KINOLOG_OIDC_SCOPES", "boss=everything", "such as video-editors=submit"),
        ("KINOLOG_OIDC_SCOPES", "boss", "such as video-editors=submit"),
    ],
)
def test_settings_of_tokens_that_are_not_safe(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    """What would accept tokens of others, or tokens that anyone can make, is refused at start."""
    for each, good in ((ISSUERS, "https://login.example"), (AUDIENCE, "kinolog"), (name, value)):
        monkeypatch.setenv(each, good)
    with pytest.raises(ValidationError) as caught:
        TokenSettings()
    assert told in describe_invalid_setting(caught.value)


SMTP_USER, WITHOUT_TLS = "KINOLOG_SMTP_USER", "KINOLOG_SMTP_WITHOUT_TLS"
MAIL = {
    "KINOLOG_SMTP_URL": "smtp://mail.example",
    "KINOLOG_MAIL_RECIPIENTS": "example.com, ada@example.org",
    "KINOLOG_MAIL_FROM": "kinolog <kinolog@example.com>",
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"KINOLOG_SMTP_URL": "smtp://ada:secret@mail.example"}, "KINOLOG_SMTP_PASSWORD_FILE"),
        ({"KINOLOG_SMTP_URL": "mail.example"}, "must be a mail server"),
        ({"KINOLOG_SMTP_URL": "smtp://mail.example/a"}, "must be a mail server"),
        ({"KINOLOG_MAIL_RECIPIENTS": ""}, "needs KINOLOG_MAIL_RECIPIENTS"),
        ({"KINOLOG_MAIL_RECIPIENTS": "@example.com"}, "must be mailboxes and domains"),
        ({"KINOLOG_MAIL_FROM": ""}, "needs KINOLOG_MAIL_FROM"),
        ({"KINOLOG_MAIL_FROM": "a@b, c@d"}, "must be a mailbox"),
        ({SMTP_USER: "ada"}, "come together"),
        ({SMTP_USER: "ada", "KINOLOG_SMTP_PASSWORD_FILE": "/none", WITHOUT_TLS: "1"}, "needs TLS"),
    ],
)
def test_settings_of_mail_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], told: str
) -> None:
    """They are refused at start, and no password is quoted."""
    for name, value in (MAIL | changed).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        MailSettings()
    assert told in describe_invalid_setting(caught.value)
    assert "secret" not in describe_invalid_setting(caught.value)


def test_a_mail_server_with_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is read from a file, and shown to nobody. The scheme says how the connection is encrypted."""
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    changed = {
        SMTP_USER: "ada",
        "KINOLOG_SMTP_PASSWORD_FILE": str(file),
        "KINOLOG_SMTP_URL": "smtps://mail.example",
    }
    for name, value in (MAIL | changed).items():
        monkeypatch.setenv(name, value)
    server = MailSettings().mail_server()
    assert server is not None
    assert (server.host, server.port, server.tls, server.starttls) == ("mail.example", 465, True, False)
    assert (server.password, "sesame" in repr(server)) == ("open sesame", False)
    file.write_text("")
    with pytest.raises(ValueError, match="holds no password"):
        MailSettings().mail_server()


def test_values_of_a_claim_become_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value may allow several scopes, and may have an equals sign itself."""
    monkeypatch.setenv("KINOLOG_OIDC_SCOPES", "lead=admin, lead=read,group=x=submit")
    granted = {"lead": frozenset({Scope.ADMIN, Scope.READ}), "group=x": frozenset({Scope.SUBMIT})}
    assert TokenSettings().granted_scopes() == granted


@pytest.mark.parametrize("settings", [ApiSettings, GatewaySettings, ProjectorSettings, WorkerSettings])
def test_an_empty_variable_without_a_default_is_not_set(
    monkeypatch: pytest.MonkeyPatch, settings: type[ProcessSettings]
) -> None:
    """A compose file passes on an empty text for what is not set. Where there is a default, an empty text stays one."""
    optional = [name for name, field in settings.model_fields.items() if field.default is None]
    assert optional
    for name in optional:
        monkeypatch.setenv(f"KINOLOG_{name.upper()}", "")
    assert all(getattr(settings(), name) is None for name in optional)
    monkeypatch.setenv("KINOLOG_OIDC_SCOPE_CLAIM", "")
    assert TokenSettings().oidc_scope_claim == ""
