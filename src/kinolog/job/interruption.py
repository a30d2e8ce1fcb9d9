"""Codes of attempts that are ended before their job is drawn, to be continued by the next one. Pure."""

from __future__ import annotations

WORKER_STOPPED = "WORKER_STOPPED"
"""Error code of an attempt that ended because its worker was stopped."""

PREEMPTED = "PREEMPTED"
"""Error code of an attempt that ended because a critical job needed its device."""

PAUSED = "PAUSED"
"""Error code of an attempt that ended because its job was paused."""

INTERRUPTED = frozenset({WORKER_STOPPED, PREEMPTED, PAUSED})
"""Codes of attempts whose job goes on as soon as it can: it is the next one of its lane."""
