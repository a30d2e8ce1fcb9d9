"""Whose turn a queued job takes in its lane, and its place among the jobs of its tenant. Pure."""

from __future__ import annotations

from collections.abc import Iterable

LEAST_WINDOW = 8
TICKETS_PER_WORKER = 2
"""A lane holds so many tickets for each worker and `LEAST_WINDOW` more: workers go on while the dispatcher stalls."""


def lane_window(workers: int) -> int:
    """Return how many tickets a lane holds at least. A later attempt, which waits for no turn, is behind those."""
    return LEAST_WINDOW + TICKETS_PER_WORKER * workers


def turn_taker(tenant: str, job_id: str, *, goes_first: bool) -> str:
    """Return whose turn a job takes. One that goes first has had its turn: it takes that of a tenant without any."""
    return f"{tenant}/{job_id}" if goes_first else tenant


def turn_order(times: Iterable[float], position: int, *, goes_first: bool) -> tuple[float, int]:
    """Return what orders the jobs of a tenant: the last of its times, when it was submitted and from when it may start.

    A new priority puts no job behind younger ones, and one that goes first is behind none.
    """
    return (-1.0, position) if goes_first else (max(times, default=0.0), position)
