"""The number of jobs before a queued one, compared with the lanes that take their turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kinolog.job.values import Priority
from kinolog.scheduling.lane_choice import WEIGHTS, LaneChoice
from kinolog.scheduling.queue_order import jobs_before


@given(st.fixed_dictionaries({priority: st.integers(0, 40) for priority in Priority}))
def test_jobs_start_in_the_order_of_the_lanes(queued: dict[Priority, int]) -> None:
    """For lanes of any length, the jobs before each job are those that a worker takes first."""
    choice = LaneChoice({priority.value: WEIGHTS[priority.value] for priority in Priority})
    left, served = dict(queued), dict.fromkeys(Priority, 0)
    for position in range(sum(queued.values())):
        lane = next(lane for lane in choice.order(0.0) if left[Priority(lane)])
        priority = Priority(lane)
        assert jobs_before(priority, served[priority], queued) == position
        choice.record_served(lane, 0.0)
        left[priority] -= 1
        served[priority] += 1


def test_a_low_job_does_not_wait_for_all_others() -> None:
    """With a hundred jobs in every lane, the first low one is the fifteenth, not the three hundred and first."""
    assert jobs_before(Priority.LOW, 0, dict.fromkeys(Priority, 100)) == 14
