"""How a call of a receiver ended, and what follows from it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import Enum, auto


class NextTry(Enum):
    """Whether a message that was not accepted is sent again."""

    USUAL = auto()
    """After the pauses of the settings. A receiver that accepts nothing meanwhile is switched off."""
    FOR_DAYS = auto()
    """Until the message is old, however often that is. The receiver is not to blame."""
    NEVER = auto()
    """No other try can end otherwise. The receiver is not to blame."""
    GONE = auto()
    """The receiver wants no more messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """How a call ended. Without an answer `status_code` is 0, and `error` says why in words of kinolog's own."""

    status_code: int = 0
    response_bytes: int = 0
    milliseconds: int = 0
    error: str = ""
    retry: NextTry = NextTry.USUAL

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has the message."""
        return not self.error and 200 <= self.status_code < 300


def is_tls_failure(failed: Exception) -> bool:
    """Return whether a connection failed because of TLS. Libraries wrap the error in others."""
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
