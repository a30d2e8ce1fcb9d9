"""When a worker deals with the next job while its device is used. Pure. See decision 123."""

from __future__ import annotations

TAKE_SECONDS = 2.0
"""The next ticket is taken when the running job is expected to leave the device within this time."""

START_SECONDS = 0.5
"""Its attempt starts when the running job is expected to leave the device within this time."""

MOST_PLACES = 2
"""Jobs that a worker has at once: one that uses the device, and one before or after its use."""
