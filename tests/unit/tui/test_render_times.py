"""The estimated time of a draft, from past jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinolog.storyboard.render_times import RenderSize, RenderTimes
from kinolog_client import JobInfo

START = datetime(2026, 11, 22, tzinfo=UTC)
SMALL = RenderSize(64 * 64, 5, 1)
USUAL = RenderSize(256 * 256, 16, 20)
_numbers = count()


@dataclass(frozen=True, slots=True)
class RenderCost:
    """Seconds of a render: fixed, and per million of pixels, thousand of steps, and million of both."""

    fixed: float
    pixel: float = 0.0
    step: float = 0.0
    both: float = 0.0

    def seconds(self, size: RenderSize) -> float:
        """Return the seconds of a size."""
        _, pixels, steps, both = size.parts
        return self.fixed + self.pixel * pixels / 1e6 + self.step * steps / 1e3 + self.both * both / 1e6


def past(size: RenderSize, seconds: float) -> JobInfo:
    """Return a completed job of a size, which is a square."""
    side = round(size.pixels**0.5)
    return JobInfo(
        job_id=f"job{next(_numbers)}",
        status="completed",
        priority="medium",
        width=side,
        height=side,
        frames=size.frames,
        steps=size.steps,
        created_at=START,
        updated_at=START,
        started_at=START,
        finished_at=START + timedelta(seconds=seconds),
    )


COSTS = st.builds(
    RenderCost, st.floats(0.05, 5.0), st.floats(0.0, 1.0), st.floats(0.0, 20.0), st.floats(0.0, 1.0)
)


@given(COSTS)
def test_small_jobs_do_not_spoil_the_estimate_of_a_usual_one(cost: RenderCost) -> None:
    """Twenty jobs that are nearly all fixed cost, and one of the usual size: its next one takes as long as it did."""
    jobs = [past(SMALL, cost.seconds(SMALL)) for _ in range(20)] + [past(USUAL, cost.seconds(USUAL))]
    estimate = RenderTimes(jobs).estimate(USUAL)
    assert estimate is not None
    assert estimate.seconds == pytest.approx(cost.seconds(USUAL), rel=0.01)
    assert estimate.jobs == 21


@given(COSTS, st.floats(0.65, 1.8), st.floats(0.65, 1.8), st.floats(0.65, 8.0))
def test_other_sizes_are_estimated_within_a_factor_of_three(
    cost: RenderCost, pixels: float, steps: float, frames: float
) -> None:
    """A size near a past one, and one with many times its frames, is within a factor of three, whatever costs most."""
    jobs = [past(size, cost.seconds(size)) for size in (SMALL, USUAL)]
    draft = RenderSize(round(USUAL.pixels * pixels), round(USUAL.frames * frames), round(USUAL.steps * steps))
    estimate = RenderTimes(jobs).estimate(draft)
    assert estimate is not None
    assert 1 / 3 < estimate.seconds / cost.seconds(draft) < 3


def test_jobs_of_one_size_tell_nothing_about_another() -> None:
    """With small jobs alone there is no estimate for a usual one, nor for many times their frames."""
    times = RenderTimes([past(SMALL, 0.2) for _ in range(20)])
    assert times.estimate(SMALL) is not None
    assert times.estimate(USUAL) is None
    assert times.estimate(SMALL._replace(frames=50)) is None


def test_without_past_jobs_there_is_no_estimate() -> None:
    """No jobs, jobs that did not run, and jobs without a size give none."""
    nothing = past(USUAL, 2.0).model_copy(update={"started_at": None})
    sizeless = past(USUAL, 2.0).model_copy(update={"steps": 0})
    assert RenderTimes().estimate(USUAL) is None
    assert RenderTimes([nothing, sizeless]).estimate(USUAL) is None


def test_a_pause_before_a_retry_is_no_work() -> None:
    """The time of a job is that of its attempts, not from the first start to the end."""
    job = past(USUAL, 600.0)
    job = job.model_copy(update={"timings": job.timings.model_copy(update={"run_seconds": 2.0})})
    estimate = RenderTimes([job]).estimate(USUAL)
    assert estimate is not None
    assert estimate.seconds == pytest.approx(2.0)
