"""Names of commands and events as the log stores them. Pure."""

from __future__ import annotations

import re

_names: dict[type, str] = {}


def stored_name(kind: type) -> str:
    """Return the name of a command or event class in the log: `AttemptStarted` is `attempt_started`."""
    name = _names.get(kind)
    if name is None:
        name = _names[kind] = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return name
