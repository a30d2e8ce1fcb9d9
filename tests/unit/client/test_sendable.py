"""Values that no request can carry: refused by field, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from kinolog_client import InvalidRequest, JobSelection
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway.recording_api import RecordingApi

HALF = "a red \udcff circle"
JOB = "a" * 26


@pytest.mark.parametrize(
    ("name", "arguments", "options", "field"),
    [
        ("generate", (HALF,), {}, "prompt"),
        ("generate", ("x",), {"negative_prompt": HALF}, "negative_prompt"),
        ("generate", ("x",), {"request_id": HALF}, "request_id"),
        ("generate", ("x",), {"duration": float("nan")}, "duration"),
        ("generate", ("x",), {"guidance": float("inf")}, "guidance"),
        ("cancel", (JOB,), {"request_id": "jürgen"}, "request_id"),
        ("cancel", (JOB,), {"request_id": "two\nlines"}, "request_id"),
        ("cancel", (JOB,), {"reason": HALF}, "reason"),
        ("status", (HALF,), {}, "job_id"),
        ("jobs", (JobSelection(text=HALF),), {}, "text"),
        ("bulk", ("cancel", [JOB, HALF]), {}, "job_ids[1]"),
        ("bulk", ("cancel",), {"selection": JobSelection(text=HALF)}, "filter.text"),
    ],
)
async def test_the_field_is_named(
    client: EitherClient, api: RecordingApi, name: str, arguments: Any, options: Any, field: str
) -> None:
    """Half of a character, a number that is none, and a header beyond ASCII are errors of their field."""
    with pytest.raises(InvalidRequest) as caught:
        await client.call(name, *arguments, **options)
    assert [violation.field for violation in caught.value.violations] == [field]
    assert field in str(caught.value)
    assert not api.calls
