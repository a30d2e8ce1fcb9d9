"""When to send a request again after a network error. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from kinolog.process.backoff import Backoff
from kinolog_client.errors import retry_after_seconds

_BACKOFF = Backoff(first_seconds=0.1, longest_seconds=2.0)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `retries` more tries.

    If no connection was made, the request is sent again. If the connection broke, only a repeatable request is sent
    again. A request that came too early (429) is sent again after the time that the answer states, if that is not
    long. Timeouts and other refusals are not retried.
    """

    retries: int = 2
    backoff: Backoff = _BACKOFF
    longest_wait_seconds: float = 10.0
    """Longest Retry-After that is waited for."""

    def pause_seconds(self, error: Exception, failures: int, *, repeatable: bool) -> float | None:
        """Return the pause before the next try after `failures` in a row, in seconds. None if there is none."""
        if failures > self.retries:
            return None
        never_sent = isinstance(error, httpx.ConnectError)
        broke_off = isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)
        if never_sent or (broke_off and repeatable):
            return self.backoff.seconds(failures)
        return None

    def wait_seconds(self, status: int, headers: Mapping[str, str], refusals: int) -> float | None:
        """Return the pause before the next try after `refusals` in a row, in seconds. None if there is none."""
        if status != HTTPStatus.TOO_MANY_REQUESTS or refusals > self.retries:
            return None
        seconds = retry_after_seconds(headers)
        return seconds if seconds is not None and seconds <= self.longest_wait_seconds else None
