"""The number that stands for a priority in the tables: the column `urgency`. Pure.

Lists order by it: 0 for low to 3 for critical, the reverse of `Priority.rank`.
"""

from __future__ import annotations

from kinolog.job.values import Priority

ALL_PRIORITIES = -1
"""Stored instead of a number in counters of all priorities, models and styles together."""

_ORDERS = {priority: len(Priority) - 1 - priority.rank for priority in Priority}
_PRIORITIES = {order: priority for priority, order in _ORDERS.items()}

PRIORITY_ORDERS = tuple(sorted(_PRIORITIES))
"""All numbers, lowest priority first."""


def priority_order(priority: Priority) -> int:
    """Return the number of a priority."""
    return _ORDERS[priority]


def priority_at(order: int) -> Priority:
    """Return the priority that has this number. Raises `KeyError` for a number that none has."""
    return _PRIORITIES[order]
