"""Riding out an outage: tried again while it may pass, given up when the time is over."""

from __future__ import annotations

import pytest

from kinolog.adapters.jetstream.client.api_request import JetStreamApiError
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.ports.event_store import LogUnavailable

NO_LEADER = {"code": 503, "err_code": 10008, "description": "no leader"}
BAD_REQUEST = {"code": 400, "err_code": 10003, "description": "bad request"}


class Flaky:
    """Fails a number of times, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.attempts = 0

    async def __call__(self) -> str:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


async def test_an_outage_that_passes_is_not_noticed() -> None:
    """No answer and a refusal that passes are tried again."""
    flaky = Flaky(LogUnavailable("timeout"), JetStreamApiError("subject", NO_LEADER))
    assert await retry_until_answered(flaky, 10) == "answer"
    assert flaky.attempts == 3


async def test_an_outage_that_lasts_is_told() -> None:
    """When patience ends, the last failure is raised."""
    with pytest.raises(LogUnavailable, match="timeout"):
        await retry_until_answered(Flaky(*[LogUnavailable("timeout")] * 100), 0.05)


async def test_a_refusal_is_not_tried_again() -> None:
    """A refusal that will not pass is raised at once."""
    flaky = Flaky(JetStreamApiError("subject", BAD_REQUEST))
    with pytest.raises(LogUnavailable, match=r"bad request \(10003\)"):
        await retry_until_answered(flaky, 10)
    assert flaky.attempts == 1
