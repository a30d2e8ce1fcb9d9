"""`kinolog audit verifications`, `start-verification` and `cancel-verification`."""

from __future__ import annotations

import json

from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.recording_api import RecordingApi

ID = "v" * 26


async def test_the_list_and_one_of_it(kinolog: Kinolog) -> None:
    """One that found a difference ends with exit code 1, and names it."""
    listed = await kinolog("audit", "verifications")
    assert (listed.exit_code, "differs: lists" in listed.stdout, ID in listed.stdout) == (0, True, True)
    (one,) = map(json.loads, (await kinolog("audit", "verifications", "--json")).stdout.splitlines())
    assert (one["verification_id"], one["state"]) == (ID, "differs")
    shown = await kinolog("audit", "verifications", ID)
    assert shown.exit_code == 1
    assert "ada started it" in shown.stdout
    assert f"differs: position 3, job {'a' * 26}: lists show another seed" in shown.stdout


async def test_one_is_started(kinolog: Kinolog, api: RecordingApi) -> None:
    """The command waits for the end, unless it need not."""
    left = await kinolog("audit", "start-verification", "--no-wait")
    assert (left.exit_code, "it goes on: 3 of 20 commits" in left.stdout) == (0, True)
    waited = await kinolog("audit", "start-verification", "--files", "sizes", "--json")
    assert (waited.exit_code, json.loads(waited.stdout)["state"]) == (1, "differs")
    assert ID in waited.stderr


async def test_one_is_cancelled(kinolog: Kinolog) -> None:
    """That which is named; else the one that goes on."""
    assert "is cancelled" in (await kinolog("audit", "cancel-verification", ID)).stdout
    none = await kinolog("audit", "cancel-verification")
    assert (none.exit_code, none.stdout, "no comparison goes on" in none.stderr) == (0, "", True)
