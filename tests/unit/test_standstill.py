"""A part stands still if it is behind its goal and does not move for the limit."""

from __future__ import annotations

from kinolog.process.standstill import MAX_STEP_SECONDS, Standstill


class SetClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def observed(standstill: Standstill, clock: SetClock, *steps: tuple[float, int, int]) -> list[bool]:
    """Return what is observed at steps of (seconds since the last, position, goal)."""
    found = []
    for seconds, position, goal in steps:
        clock.now += seconds
        found.append(standstill.observe(position, goal))
    return found


def test_behind_and_unmoved_for_the_limit() -> None:
    """The limit counts from the last move, or from when the part fell behind."""
    clock = SetClock()
    standstill = Standstill(4.0, clock)
    assert observed(standstill, clock, (0, 1, 5), (2, 1, 5), (2, 1, 6)) == [False, False, True]
    assert observed(standstill, clock, (2, 2, 6), (3, 2, 6), (1, 2, 6)) == [False, False, True]


def test_at_the_goal_it_may_rest() -> None:
    """A part that has nothing to do never stands still, however long."""
    clock = SetClock()
    standstill = Standstill(4.0, clock)
    assert not any(observed(standstill, clock, *[(3, 5, 5)] * 10))
    assert observed(standstill, clock, (3, 5, 6), (3, 5, 6)) == [False, True]


def test_a_suspended_process_accuses_no_part() -> None:
    """A long gap between two observations counts as a short one: nobody moved, the observer neither."""
    clock = SetClock()
    standstill = Standstill(2 * MAX_STEP_SECONDS, clock)
    assert observed(standstill, clock, (0, 1, 2), (3_600, 1, 2)) == [False, False]


def test_a_part_that_was_started_again_has_time() -> None:
    """After a reset the limit begins again."""
    clock = SetClock()
    standstill = Standstill(4.0, clock)
    assert observed(standstill, clock, (0, 1, 2), (4, 1, 2)) == [False, True]
    standstill.reset()
    assert observed(standstill, clock, (2, 1, 2), (2, 1, 2)) == [False, True]
