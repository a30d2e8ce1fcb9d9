"""Names of commands and events as the log stores them. Pure."""

from __future__ import annotations

import re
from functools import cache


@cache
def stored_name(kind: type) -> str:
    """Return the name of a command or event class in the log: `AttemptStarted` is `attempt_started`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
