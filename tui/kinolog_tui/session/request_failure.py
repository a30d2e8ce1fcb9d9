"""Why a request failed and what to do, as texts for the screen."""

from __future__ import annotations

from dataclasses import dataclass

from kinolog_client import GatewayError, GatewayUnreachable, ProblemError, UnexpectedAnswer
from kinolog_tui.prompts.pictured_submit import PictureUnreadable

NEXT_STEPS = {
    401: "Give the right API key in Settings ({everywhere.settings}).",
    403: "Give the right API key in Settings ({everywhere.settings}).",
    404: "It may be on another server; look in Jobs ({everywhere.jobs}).",
    409: "Press {everywhere.renew} to see how things stand now.",
    429: "Wait a moment, then try again.",
    500: "Tell whoever runs kinolog; `kinolog doctor` checks every part.",
    503: "A part of kinolog is away; it is tried again by itself.",
    504: "Try again in a moment.",
    507: "Try again when there is room.",
}
"""What to do, by HTTP status. A name in braces stands for the key of that binding."""


@dataclass(frozen=True, slots=True)
class RequestFailure:
    """The cause and the next step. `status` is the HTTP status: None without an answer, 0 for an error of a file."""

    text: str
    next_step: str
    status: int | None = None
    reason: str = ""
    """The gateway's constant for programs. Empty if it gave none."""

    @classmethod
    def of(cls, error: GatewayError) -> RequestFailure:
        """Return the failure for an error of the client."""
        match error:
            case GatewayUnreachable(url=url, cause=cause, not_running=not_running):
                step = "Start it with `kinolog up`" if not_running else "Check the network"
                return cls(f"Cannot reach {url} ({cause}).", f"{step}, or change the server.")
            case UnexpectedAnswer(url=url):
                return cls(f"{url} answers, but not as kinolog does.", "Is the address right?")
            case ProblemError(status=status, violations=violations):
                fields = "; ".join(f"{violation.field}: {violation.message}" for violation in violations)
                step = NEXT_STEPS.get(status, "Change what is named and try again.")
                return cls(fields or error.detail, step, status, error.reason)
            case _:
                return cls(str(error), "Try again.", error.status, error.reason)

    @classmethod
    def of_file(cls, error: OSError) -> RequestFailure:
        """Return the failure for a file that cannot be written, or a picture that cannot be read."""
        if isinstance(error, PictureUnreadable):
            return cls(str(error), "Name another picture.", 0)
        name = error.filename or "The file"
        return cls(f"{name} cannot be written: {error.strerror or error}.", "Choose another place.", 0)
