"""`kinolog webhooks`."""

from __future__ import annotations

import json

from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.recording_api import RecordingApi
from tests.unit.gateway.recording_webhooks import DELIVERY_ID, SECRET, WEBHOOK_ID


async def test_webhooks_are_managed(kinolog: Kinolog, api: RecordingApi) -> None:
    """Secrets are printed alone; lists say what is called and what became of it."""
    made = await kinolog(
        "webhooks", "create", "https://example.org/", "--event", "job.failed", "--actor", "robot"
    )
    assert (made.exit_code, made.stdout) == (0, f"{SECRET}\n"), made.output
    (request,) = api.requests("CreateWebhook")
    assert (list(request.events), request.actor) == (["job.failed"], "robot")
    assert "https://example.org/hook" in (await kinolog("webhooks", "list")).stdout
    for arguments in (("secret",), ("secret", WEBHOOK_ID), ("rotate", WEBHOOK_ID, "--overlap", "0")):
        assert (await kinolog("webhooks", *arguments)).stdout == f"{SECRET}\n", arguments
    listed = (await kinolog("webhooks", "deliveries", WEBHOOK_ID)).stdout
    assert DELIVERY_ID in listed
    assert "503" in listed
    commands: tuple[tuple[str, ...], ...] = (
        ("change", WEBHOOK_ID, "https://example.org/"),
        ("redeliver", WEBHOOK_ID, DELIVERY_ID),
        ("delete", WEBHOOK_ID),
    )
    for command in commands:
        for options in ((), ("--json",)):
            done = await kinolog("webhooks", *command, *options)
            assert done.exit_code == 0, done.output
            assert not options or isinstance(json.loads(done.stdout), dict)
