"""The line that a process writes to standard output when it serves: `ready {json}`."""

from __future__ import annotations

import json
import sys

PREFIX = "ready "


def announce(name: str, **addresses: str) -> None:
    """Write that the process `name` serves, and its addresses (`url=`, `target=`, `probe=`).

    Call it once, after the last step that can fail. Logs go to standard error, so standard output holds nothing else.
    """
    sys.stdout.write(f"{PREFIX}{json.dumps({'name': name, **addresses})}\n")
    sys.stdout.flush()


def parse(line: str) -> dict[str, str] | None:
    """Return the name and addresses in a ready line; None for any other line. `ready <address>` gives an `address`."""
    if not line.startswith(PREFIX):
        return None
    text = line[len(PREFIX) :].strip()
    try:
        announced = json.loads(text)
    except ValueError:
        return {"address": text}
    if not isinstance(announced, dict):
        return {"address": text}
    return {str(key): str(value) for key, value in announced.items()}
