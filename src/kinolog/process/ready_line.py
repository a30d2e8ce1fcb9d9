"""The line with which a process tells whoever started it that it serves: `ready {json}` on standard output."""

from __future__ import annotations

import json
import sys

PREFIX = "ready "


def announce(name: str, **addresses: str) -> None:
    """Say that the process `name` serves now, and under which addresses (`url=`, `target=`, `probe=`).

    Call it once, after the last thing that could fail. Logs go to standard error, so nothing else stands there.
    """
    sys.stdout.write(f"{PREFIX}{json.dumps({'name': name, **addresses})}\n")
    sys.stdout.flush()


def parse(line: str) -> dict[str, str] | None:
    """What a line announces; None for any other line. A bare `ready <address>` announces an `address`."""
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
