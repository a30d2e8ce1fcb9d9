"""The webhooks of the server, in a dialog of Settings."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.snapshot.dashboard_pilot import app_of, press, settled, text
from tests.snapshot.replay import Replay, requests_of
from tests.snapshot.webhooks import HOOK, offer_webhooks

pytestmark = pytest.mark.slow


async def test_webhooks_and_what_became_of_their_calls(gateway: Replay, pilot: Pilot[None]) -> None:
    """Each is a line; below are facts and deliveries of the one under the cursor, which can be sent again.

    What cannot be listed has the reason in its place.
    """
    gateway.problems["/api/v1/webhooks"] = {"status": 403, "detail": "this key has no scope admin"}
    await press(pilot, "5", "escape", "W")
    await settled(pilot)
    assert "they cannot be listed: this key has no scope admin" in " ".join(text(pilot).split())
    assert len(app_of(pilot)._notifications) == 0
    del gateway.problems["/api/v1/webhooks"]
    offer_webhooks(gateway)
    await press(pilot, "escape", "W")
    await settled(pilot)
    words = " ".join(text(pilot).split())
    for part in (
        "● nightly https://example.org/a",
        "○ https://gone.example/",
        "told of job.failed",
        "○ job.failed abcdefgh",
        "2 tries, no connection",
    ):
        assert part in words
    gateway.answers["/api/v1/webhooks/wh_1/deliveries/dlv_1/redeliver"] = {"delivery_id": "dlv_2"}
    await press(pilot, "s")
    assert len(requests_of(gateway, "POST", "/api/v1/webhooks/wh_1/deliveries/dlv_1/redeliver")) == 1
    await press(pilot, "down")
    await settled(pilot)
    assert "switched off, since its receiver answered 410" in " ".join(text(pilot).split())


async def test_webhooks_are_changed(gateway: Replay, pilot: Pilot[None]) -> None:
    """Made with its secret shown; another secret and the end of a webhook need a yes."""
    offer_webhooks(gateway)
    await press(pilot, "5", "escape", "W")
    await settled(pilot)
    await press(pilot, "n", "enter")
    assert "Name the address to call" in text(pilot)
    gateway.answers["/api/v1/webhooks"] = HOOK | {"secret": "whsec_new"}
    await press(pilot, *"mailto:a@b", "enter")
    await settled(pilot)
    (request,) = requests_of(gateway, "POST", "/api/v1/webhooks")
    assert (request["address"], request["events"]) == (
        "mailto:a@b",
        ["job.cancelled", "job.completed", "job.failed"],
    )
    assert "whsec_new" in text(pilot)
    offer_webhooks(gateway)
    await press(pilot, "c", "escape", "escape", "W")
    await settled(pilot)
    assert app_of(pilot).clipboard == "whsec_new"
    gateway.answers["/api/v1/webhooks/wh_1/rotate"] = HOOK | {"secret": "whsec_other"}
    gateway.answers["/api/v1/webhooks/wh_1"] = {"webhook_id": "wh_1"}
    await press(pilot, "r", "n")
    assert not requests_of(gateway, "POST", "/api/v1/webhooks/wh_1/rotate")
    await press(pilot, "r", "y")
    await settled(pilot)
    assert "whsec_other" in text(pilot)
    await press(pilot, "escape", "X", "y")
    await settled(pilot)
    assert len(requests_of(gateway, "DELETE", "/api/v1/webhooks/wh_1")) == 1
