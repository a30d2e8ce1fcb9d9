"""The API keys that a server issued, in Settings."""

from __future__ import annotations

import pytest
from kinolog_tui.session.issued_keys import KeyPolicy, read_issued_keys
from textual.pilot import Pilot

from kinolog_client import AsyncKinologClient
from tests.snapshot.dashboard_pilot import app_of, press, settled, text
from tests.snapshot.replay import Replay, requests_of
from tests.unit.gateway.conftest import running_gateway, running_recording_api

pytestmark = pytest.mark.slow


def offer_keys(gateway: Replay, *keys: dict[str, object]) -> None:
    """Have the gateway list issued keys."""
    gateway.answers["/openapi.json"]["paths"]["/api/v1/keys"] = {}
    gateway.answers["/api/v1/keys"] = {"keys": list(keys), "next": "unknown facts are passed over"}


async def test_a_real_gateway() -> None:
    """The keys that a gateway lists are shown."""
    async with (
        running_recording_api() as api,
        running_gateway(api.target) as running,
        AsyncKinologClient(running.url) as client,
    ):
        answer = await read_issued_keys(client)
    assert answer.policy is KeyPolicy.ISSUED
    assert [key.actor for key in answer.keys] == ["ada"]


async def test_a_server_that_issues_no_keys(gateway: Replay, pilot: Pilot[None]) -> None:
    """Settings shows that an open server is open to everyone, and who has the keys of a closed one."""
    await press(pilot, "5")
    words = " ".join(text(pilot).split())
    assert "this server needs no key: whoever reaches it" in words
    gateway.problems["/api/v1/whoami"] = {"status": 401, "detail": "present a key", "reason": "KEY_REQUIRED"}
    await press(pilot, "ctrl+r")
    assert "whoever runs it" in text(pilot)
    assert len(app_of(pilot)._notifications) == 0


async def test_issued_keys_are_listed(gateway: Replay, pilot: Pilot[None]) -> None:
    """Each issued key is a line: its name or id, its date, its last use, or when it was revoked."""
    offer_keys(
        gateway,
        {
            "key_id": "k1",
            "name": "nightly",
            "scopes": ["submit", "read"],
            "created_at": "2026-11-20T10:00:00Z",
            "last_used_at": "2026-11-22T19:43:00Z",
            "revoked_at": None,
            "colour": "red",
        },
        {"key_id": "k2", "name": "old", "revoked_at": "2026-11-21T10:00:00Z"},
        {"key_id": "k3"},
        {"key_id": "k4", "actor": "ada"},
    )
    await press(pilot, "5")
    left = " ".join(" ".join(line[:60].split()) for line in text(pilot).splitlines())
    assert "● nightly k1, submit read, of 2026-11-20, used 3 min ago" in left
    assert "○ old k2, revoked 2026-11-21" in left
    assert "● k3 ● ada k4" in left
    assert len(requests_of(gateway, "GET", "/api/v1/keys")) == 1
    offer_keys(gateway)
    gateway.problems["/api/v1/whoami"] = {"status": 401, "detail": "present a key", "reason": "KEY_REQUIRED"}
    await press(pilot, "ctrl+r")
    assert "this server has given out no key yet" in text(pilot)


async def test_a_refused_list_of_keys(gateway: Replay, pilot: Pilot[None]) -> None:
    """If the list is refused, the reason is shown in its place; the rest of Settings works."""
    offer_keys(gateway)
    gateway.problems["/api/v1/keys"] = {"status": 403, "detail": "this key may not see keys"}
    await press(pilot, "5")
    await settled(pilot)
    assert "its keys cannot be listed: this key" in text(pilot)
    assert len(app_of(pilot)._notifications) == 0


async def test_a_key_is_made_and_shown_once(gateway: Replay, pilot: Pilot[None]) -> None:
    """The dialog says what is wrong, sends what was typed, and shows the key, which a key press copies."""
    offer_keys(gateway)
    await press(pilot, "5", "escape", "A", "enter")
    assert "Name an actor" in text(pilot)
    await press(pilot, *"ada", "tab", *"all", "enter")  # in place of the proposed scopes
    assert "Scopes are submit, read" in text(pilot)
    gateway.answers["/api/v1/keys"] = {"key_id": "k1", "actor": "ada", "secret": "kino_k1_secret"}
    await press(pilot, *["backspace"] * 3, *"read", "comma", *"submit", "enter")
    (request,) = requests_of(gateway, "POST", "/api/v1/keys")
    assert (request["actor"], request["scopes"]) == ("ada", ["read", "submit"])
    assert "kino_k1_secret" in text(pilot)
    await press(pilot, "c")
    assert app_of(pilot).clipboard == "kino_k1_secret"
    await press(pilot, "escape")
    assert "kino_k1_secret" not in text(pilot)


async def test_a_key_is_revoked_after_a_confirmation(gateway: Replay, pilot: Pilot[None]) -> None:
    """A key that is in use is chosen; without a yes nothing is sent. One that was revoked cannot be chosen."""
    offer_keys(
        gateway, {"key_id": "k1", "actor": "ada"}, {"key_id": "k2", "revoked_at": "2026-11-21T10:00:00Z"}
    )
    gateway.answers["/api/v1/keys/k1"] = {
        "key_id": "k1",
        "actor": "ada",
        "revoked_at": "2026-11-21T10:00:00Z",
    }
    await press(pilot, "5", "escape", "X")
    assert "k2" not in " ".join(line for line in text(pilot).splitlines() if "no scopes" in line)
    await press(pilot, "enter", "n")
    assert not requests_of(gateway, "DELETE", "/api/v1/keys/k1")
    await press(pilot, "X", "enter", "y")
    assert len(requests_of(gateway, "DELETE", "/api/v1/keys/k1")) == 1
