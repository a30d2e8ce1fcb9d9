"""Percent and time to go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinolog_worker.attempt.estimate import Estimate, EstimatedPart, StageRates, attempt_parts

from kinolog.job.values import Stage

PIXELS = 1_000_000


def plan(scenes: int = 2, steps: int = 10, reused: tuple[int, ...] = ()) -> list[EstimatedPart]:
    """The parts of an attempt at equal scenes of ten frames."""
    return attempt_parts([10] * scenes, finished_scenes=reused, pixels=PIXELS, steps=steps)


def learned(seconds: dict[Stage, float], parts: list[EstimatedPart]) -> StageRates:
    """Times after one attempt in which each part took that long."""
    times = StageRates()
    for part in parts:
        times.learn("model", part, seconds.get(part.stage, 1.0))
    return times


def test_percent_reaches_the_end_but_not_a_hundred() -> None:
    """When every part is done nearly all is done: a hundred is kept for the completed job."""
    estimate = Estimate("model", plan(), StageRates())
    assert estimate.percent == 0.0
    for part in plan():
        estimate.finish(part.stage, part.scene, 1.0)
    assert estimate.percent == 99.9


def test_nothing_is_said_about_time_before_the_pace_shows() -> None:
    """Without experience there is no estimate of time before two steps of denoising are done."""
    estimate = Estimate("model", plan(), StageRates())
    assert estimate.eta_seconds is None
    estimate.finish(Stage.PREFETCH, None, 30.0)
    estimate.step(Stage.DENOISE, 0, step=1, steps=10, stage_seconds=2.0)
    assert estimate.eta_seconds is None
    estimate.step(Stage.DENOISE, 0, step=2, steps=10, stage_seconds=4.0)
    assert estimate.eta_seconds is not None


def test_the_own_pace_carries_to_the_end() -> None:
    """At two seconds a step, eighteen steps of denoising are about thirty-six seconds, and the rest some more."""
    estimate = Estimate("model", plan(), StageRates())
    estimate.step(Stage.DENOISE, 0, step=2, steps=10, stage_seconds=4.0)
    assert estimate.eta_seconds is not None
    assert 36.0 < estimate.eta_seconds < 60.0


def test_experience_tells_the_time_at_once() -> None:
    """After one job the next of the same kind is known to take as long, before anything is done."""
    seconds = {Stage.PREFETCH: 5.0, Stage.DENOISE: 20.0, Stage.DECODE: 3.0}
    estimate = Estimate("model", plan(), learned(seconds, plan()))
    assert estimate.eta_seconds == pytest.approx(5 + 2 * (1 + 20 + 3) + 3)


def test_experience_is_scaled_to_the_job() -> None:
    """Twice the steps take twice as long to denoise, and no longer to decode."""
    times = learned({Stage.DENOISE: 20.0}, plan(scenes=1, steps=10))
    usual = Estimate("model", plan(scenes=1, steps=10), times).eta_seconds
    longer = Estimate("model", plan(scenes=1, steps=20), times).eta_seconds
    assert usual is not None
    assert longer == pytest.approx(usual + 20.0)


def test_experience_of_one_model_says_nothing_about_another() -> None:
    """Times are learned for each model apart."""
    times = learned({}, plan())
    assert Estimate("other", plan(), times).eta_seconds is None


def test_a_slower_run_corrects_experience() -> None:
    """When denoising goes at half the usual pace, the time to go follows it."""
    times = learned({Stage.DENOISE: 10.0}, plan(scenes=1))
    estimate = Estimate("model", plan(scenes=1), times)
    estimate.finish(Stage.PREFETCH, None, 1.0)
    estimate.finish(Stage.ENCODE_PROMPT, 0, 1.0)
    estimate.step(Stage.DENOISE, 0, step=5, steps=10, stage_seconds=10.0)
    assert estimate.eta_seconds == pytest.approx(10.0 + 4.0)


def test_reused_scenes_are_no_work() -> None:
    """An attempt that uses a scene again has less to do."""
    times = learned({Stage.DENOISE: 20.0}, plan())
    whole = Estimate("model", plan(), times).eta_seconds
    part = Estimate("model", plan(reused=(0,)), times).eta_seconds
    assert whole is not None
    assert part == pytest.approx(whole - 22.0)


def test_newer_measurements_count_more() -> None:
    """Experience follows a lasting change within a few jobs."""
    part = EstimatedPart(Stage.DENOISE, 0, 10.0)
    times = StageRates()
    times.learn("model", part, 10.0)
    for _ in range(10):
        times.learn("model", part, 20.0)
    assert times.expected("model", part) == pytest.approx(20.0, rel=0.05)


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=6),
    st.integers(1, 60),
    st.lists(st.tuples(st.sampled_from(Stage), st.integers(0, 6), st.integers(0, 70)), max_size=60),
)
def test_percent_never_goes_back(frames: list[int], steps: int, told: list[tuple[Stage, int, int]]) -> None:
    """Whatever is told in whatever order, percent stays between 0 and 99.9 and never falls, and no time is negative."""
    estimate = Estimate(
        "model", attempt_parts(frames, finished_scenes=(), pixels=PIXELS, steps=steps), StageRates()
    )
    last = 0.0
    for number, (stage, scene, step) in enumerate(told):
        if step > steps:
            estimate.finish(stage, scene, float(number))
        else:
            estimate.step(stage, scene, step=step, steps=steps, stage_seconds=float(number))
        assert last <= estimate.percent <= 99.9
        assert estimate.eta_seconds is None or estimate.eta_seconds >= 0.0
        last = estimate.percent
