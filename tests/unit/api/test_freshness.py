"""When the read models count as stale."""

from __future__ import annotations

from kinolog_api.rpc.freshness import STALE_SECONDS, Freshness


class Seconds:
    """A steady clock that the test advances."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_read_models_that_stand_still_become_stale() -> None:
    """Read models that do not reach an end of the log for a while are stale, until they reach it."""
    seconds = Seconds()
    freshness = Freshness(seconds)
    freshness.observe(10, 10)
    seconds.now += STALE_SECONDS * 5
    freshness.observe(10, 10)
    assert freshness.stale_seconds() == 0  # nothing was added to the log
    freshness.observe(12, 10)
    for _ in range(6):
        seconds.now += 2.0
        freshness.observe(20, 11)
    assert freshness.stale_seconds() == 12
    freshness.observe(30, 12)
    seconds.now += 1.0
    freshness.observe(30, 30)
    assert freshness.stale_seconds() == 0


def test_read_models_that_follow_a_busy_log_are_not_stale() -> None:
    """Under load the read models are always a little behind, and not stale."""
    seconds = Seconds()
    freshness = Freshness(seconds)
    for number in range(100):
        seconds.now += 2.0
        freshness.observe(1000 * (number + 1), 1000 * number + 900)
        assert freshness.stale_seconds() == 0


def test_an_unknown_state_is_not_stale() -> None:
    """Before anything was read, and while the log or the database does not answer, nothing is claimed."""
    seconds = Seconds()
    freshness = Freshness(seconds)
    seconds.now += 100.0
    assert freshness.stale_seconds() == 0
    freshness.observe(7, 7)
    seconds.now += 100.0
    assert freshness.stale_seconds() == 0
