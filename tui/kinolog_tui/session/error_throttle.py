"""Which errors are said again: a server that fails fails at everything a page asks, and saying so once is enough."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from kinolog_client.rest import GatewayFailure

QUIET_SECONDS = 10.0
SERVER_ERRORS = 500


class ErrorThrottle:
    """What was said lately."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._said: dict[object, float] = {}

    def allows(self, trouble: GatewayFailure) -> bool:
        """False when the same was said a moment ago; all errors of the server's own are the same."""
        own = trouble.status is None or trouble.status >= SERVER_ERRORS
        what: object = "server" if own else (trouble.status, trouble.words)
        now = self._clock()
        said = self._said.get(what)
        if said is not None and now - said < QUIET_SECONDS:
            return False
        self._said[what] = now
        return True
