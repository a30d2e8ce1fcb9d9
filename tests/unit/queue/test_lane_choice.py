"""Laws of the choice between lanes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kinolog.scheduling.lane_choice import PREFETCH_LANE, WEIGHTS, LaneChoice

PRIORITIES = ("critical", "high", "medium", "low")


def pick(choice: LaneChoice, waiting: set[str], now: float) -> str | None:
    """Choose as a queue does: try the lanes in order and report the empty ones."""
    for lane in choice.order(now):
        if lane in waiting:
            choice.record_served(lane, now)
            return lane
        choice.record_empty(lane, now)
    return None


def test_ratios_hold_under_load() -> None:
    """With every priority waiting, fifteen picks serve eight critical, four high, two medium and one low job."""
    choice = LaneChoice()
    picked = Counter(pick(choice, set(PRIORITIES), 0.0) for _ in range(1500))
    assert picked == {"critical": 800, "high": 400, "medium": 200, "low": 100}


def test_picks_are_interleaved() -> None:
    """A heavy lane is not served in one long run: another one gets its turn after at most two picks."""
    choice = LaneChoice()
    picked = "".join(str(pick(choice, set(PRIORITIES), 0.0))[0] for _ in range(300))
    assert "cccc" not in picked


@given(
    st.lists(st.sets(st.sampled_from(sorted(WEIGHTS))), max_size=200),
    st.sampled_from(sorted(WEIGHTS)),
)
@example([{"high"}, {"high"}], "high")
def test_no_lane_starves(rounds: list[set[str]], waiting_lane: str) -> None:
    """However the other lanes fill and empty, a lane that waits is served within a bounded number of picks."""
    choice = LaneChoice()
    for waiting in rounds:
        pick(choice, waiting, 0.0)
    max_picks = 2 * sum(WEIGHTS.values()) // WEIGHTS[waiting_lane]
    assert waiting_lane in [pick(choice, set(WEIGHTS), 0.0) for _ in range(max_picks)]


@given(st.lists(st.sets(st.sampled_from(sorted(WEIGHTS))), max_size=100))
def test_something_is_always_picked(rounds: list[set[str]]) -> None:
    """A pick finds no ticket only if none waits, and never picks an empty lane."""
    choice = LaneChoice()
    for waiting in rounds:
        lane = pick(choice, waiting, 0.0)
        assert (lane is None) == (not waiting)
        assert lane is None or lane in waiting


@given(
    st.sets(st.sampled_from(PRIORITIES), min_size=2), st.lists(st.sampled_from(sorted(WEIGHTS)), max_size=50)
)
def test_a_lane_that_was_alone_owes_nothing_for_long(waiting: set[str], before: list[str]) -> None:
    """After any history, each waiting lane gets its share of the picks, within a few."""
    choice = LaneChoice()
    for lane in before:
        pick(choice, {lane}, 0.0)
    picked = Counter(pick(choice, waiting, 0.0) for _ in range(600))
    total = sum(WEIGHTS[lane] for lane in waiting)
    for lane in waiting:
        assert abs(picked[lane] - 600 * WEIGHTS[lane] / total) <= 3


def test_an_unserved_lane_ages() -> None:
    """When each pick takes longer than ageing does, low is served as often as critical."""
    choice = LaneChoice(ageing_seconds=10.0)
    picked = Counter(pick(choice, set(PRIORITIES), float(now)) for now in range(0, 400_000, 1000))
    assert picked["low"] >= 95


def test_an_empty_lane_does_not_age() -> None:
    """A lane that was empty for hours has no advantage when a ticket is issued."""
    choice = LaneChoice(ageing_seconds=10.0)
    for now in range(0, 10_000, 5):
        pick(choice, {"critical"}, float(now))
        choice.record_empty("low", float(now))
    assert pick(choice, {"critical", "low"}, 10_000.0) == "critical"


def test_prefetch_has_a_lane() -> None:
    """A prefetch is served beside a full queue."""
    choice = LaneChoice()
    assert PREFETCH_LANE in [pick(choice, set(WEIGHTS), 0.0) for _ in range(4)]


@pytest.mark.parametrize(("weights", "ageing"), [({}, 1.0), ({"low": 0}, 1.0), ({"low": 1}, 0.0)])
def test_invalid_weights_and_ageing_are_refused(weights: dict[str, int], ageing: float) -> None:
    """Weights below one and ageing without time are refused."""
    with pytest.raises(ValueError, match=r"weight|ageing"):
        LaneChoice(weights, ageing)
