"""Settings of processes: names and aliases of environment variables."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kinolog.process.settings import WorkerSettings, describe_invalid_setting

NAME = "KINOLOG_WORKER_ACK_WAIT_SECONDS"
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
