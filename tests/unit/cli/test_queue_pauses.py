"""`kinolog queue`."""

from __future__ import annotations

import json

from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.recording_api import RecordingApi


async def test_the_queue_is_paused_and_resumed(kinolog: Kinolog, api: RecordingApi) -> None:
    paused = await kinolog("queue", "pause", "--priority", "low", "--reason", "new GPU")
    assert (paused.exit_code, "low" in paused.stdout, "new GPU" in paused.stdout) == (0, True, True)
    shown = await kinolog("queue", "pauses", "--json")
    assert [each["priority"] for each in json.loads(shown.stdout)["pauses"]] == ["low"]
    resumed = await kinolog("queue", "resume")
    assert resumed.stdout == "the queue is not paused\n"
    assert api.requests("PauseQueue")[0].reason == "new GPU"
