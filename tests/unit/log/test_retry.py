"""Retries during an outage, until a deadline."""

from __future__ import annotations

import pytest

from kinolog.adapters.jetstream.client.api_request import JetStreamApiError
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.ports.event_store import LogUnavailable

NO_LEADER = {"code": 503, "err_code": 10008, "description": "no leader"}
BAD_REQUEST = {"code": 400, "err_code": 10003, "description": "bad request"}


class Flaky:
    """Fails a number of times, then returns."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.attempts = 0

    async def __call__(self) -> str:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


async def test_a_short_outage_is_retried() -> None:
    """A missing answer and a temporary refusal are retried."""
    flaky = Flaky(LogUnavailable("timeout"), JetStreamApiError("subject", NO_LEADER))
    assert await retry_until_answered(flaky, 10) == "answer"
    assert flaky.attempts == 3


async def test_a_long_outage_raises() -> None:
    """After the deadline the last failure is raised."""
    with pytest.raises(LogUnavailable, match="timeout"):
        await retry_until_answered(Flaky(*[LogUnavailable("timeout")] * 100), 0.05)


async def test_a_refusal_is_not_retried() -> None:
    """A permanent refusal is raised at once."""
    flaky = Flaky(JetStreamApiError("subject", BAD_REQUEST))
    with pytest.raises(LogUnavailable, match=r"bad request \(10003\)"):
        await retry_until_answered(flaky, 10)
    assert flaky.attempts == 1
