"""How many jobs start before a queued one, while the lanes take their turns by weight. Pure.

It follows `LaneChoice` from the moment at which all lanes begin: the k-th ticket of a lane of weight w has its turn at
the virtual time k/w, of equal times the heavier lane first. What it cannot know is left out: turns that a worker has
already counted, lanes that age because a worker has not served them for ten minutes, and jobs that wait for a retry.
"""

from __future__ import annotations

from collections.abc import Mapping

from kinolog.job.values import Priority
from kinolog.scheduling.lane_choice import WEIGHTS


def jobs_before(priority: Priority, earlier: int, queued: Mapping[Priority, int]) -> int:
    """Return how many jobs start before one of a lane that has `earlier` jobs before it in the same lane.

    `queued` is the number of jobs in each lane.
    """
    weight, turn = WEIGHTS[priority.value], earlier + 1
    before = earlier
    for other, jobs in queued.items():
        if other is priority:
            continue
        other_weight = WEIGHTS[other.value]
        turns = turn * other_weight
        # A lighter lane has its turn at the same virtual time only afterwards.
        before += min(jobs, turns // weight if other_weight > weight else (turns - 1) // weight)
    return before
