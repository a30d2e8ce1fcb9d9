"""When to send a request again after a network error. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from kinolog.process.backoff import Backoff

_BACKOFF = Backoff(first_seconds=0.1, longest_seconds=2.0)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `retries` more tries.

    If no connection was made, the request is sent again. If the connection broke, only a repeatable request is sent
    again. Timeouts and refusals are not retried.
    """

    retries: int = 2
    backoff: Backoff = _BACKOFF

    def pause_seconds(self, error: Exception, failures: int, *, repeatable: bool) -> float | None:
        """Return the pause before the next try after `failures` in a row, in seconds. None if there is none."""
        if failures > self.retries:
            return None
        never_sent = isinstance(error, httpx.ConnectError)
        broke_off = isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)
        if never_sent or (broke_off and repeatable):
            return self.backoff.seconds(failures)
        return None
