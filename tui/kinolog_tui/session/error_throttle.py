"""Limits repeated error toasts: a failing server fails every request of a page, and one toast is enough."""

from __future__ import annotations

from collections.abc import Callable

from kinolog_tui.session.request_failure import RequestFailure

QUIET_SECONDS = 10.0
SERVER_ERRORS = 500


class ErrorThrottle:
    """Remembers when each error was shown."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shown_at: dict[object, float] = {}

    def allows(self, failure: RequestFailure) -> bool:
        """Return False if the same error was allowed less than 10 seconds ago. All server errors count as the same."""
        server_error = failure.status is None or failure.status >= SERVER_ERRORS
        error: object = "server" if server_error else (failure.status, failure.text)
        now = self._clock()
        shown_at = self._shown_at.get(error)
        if shown_at is not None and now - shown_at < QUIET_SECONDS:
            return False
        self._shown_at[error] = now
        return True
