"""Percent and time to completion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinolog_worker.reporting.estimate import Estimate, EstimatedPart, StageRates, attempt_parts

from kinolog.job.values import Stage

PIXELS = 1_000_000


def plan(scenes: int = 2, steps: int = 10, reused: tuple[int, ...] = ()) -> list[EstimatedPart]:
    """Return the parts of an attempt with equal scenes of ten frames."""
    return attempt_parts([10] * scenes, finished_scenes=reused, pixels=PIXELS, steps=steps)


def learned(seconds: dict[Stage, float], parts: list[EstimatedPart]) -> StageRates:
    """Return the rates after one attempt whose parts took these seconds."""
    rates = StageRates()
    for part in parts:
        rates.learn("model", part, seconds.get(part.stage, 1.0))
    return rates


def test_percent_reaches_the_end_but_not_a_hundred() -> None:
    """When every part is done, percent is 99.9: a hundred is reserved for the completed job."""
    estimate = Estimate("model", plan(), StageRates())
    assert estimate.percent == 0.0
    for part in plan():
        estimate.finish(part.stage, part.scene, 1.0)
    assert estimate.percent == 99.9


def test_there_is_no_eta_before_the_pace_is_known() -> None:
    """Without learned rates there is no time before two steps of denoising are done."""
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


def test_learned_rates_give_a_time_at_once() -> None:
    """After one job, the time of the next one of the same kind is known before it starts."""
    seconds = {Stage.PREFETCH: 5.0, Stage.DENOISE: 20.0, Stage.DECODE: 3.0}
    estimate = Estimate("model", plan(), learned(seconds, plan()))
    assert estimate.eta_seconds == pytest.approx(5 + 2 * (1 + 20 + 3) + 3)


def test_learned_rates_are_scaled_to_the_job() -> None:
    """Twice the steps take twice as long to denoise, and no longer to decode."""
    rates = learned({Stage.DENOISE: 20.0}, plan(scenes=1, steps=10))
    usual = Estimate("model", plan(scenes=1, steps=10), rates).eta_seconds
    longer = Estimate("model", plan(scenes=1, steps=20), rates).eta_seconds
    assert usual is not None
    assert longer == pytest.approx(usual + 20.0)


def test_rates_are_learned_for_each_model() -> None:
    """The rates of one model do not apply to another."""
    rates = learned({}, plan())
    assert Estimate("other", plan(), rates).eta_seconds is None


def test_a_slower_run_corrects_learned_rates() -> None:
    """If denoising runs at half the learned pace, the remaining time follows it."""
    rates = learned({Stage.DENOISE: 10.0}, plan(scenes=1))
    estimate = Estimate("model", plan(scenes=1), rates)
    estimate.finish(Stage.PREFETCH, None, 1.0)
    estimate.finish(Stage.ENCODE_PROMPT, 0, 1.0)
    estimate.step(Stage.DENOISE, 0, step=5, steps=10, stage_seconds=10.0)
    assert estimate.eta_seconds == pytest.approx(10.0 + 4.0)


def test_reused_scenes_are_no_work() -> None:
    """An attempt that uses a scene again has less to do."""
    rates = learned({Stage.DENOISE: 20.0}, plan())
    whole = Estimate("model", plan(), rates).eta_seconds
    part = Estimate("model", plan(reused=(0,)), rates).eta_seconds
    assert whole is not None
    assert part == pytest.approx(whole - 22.0)


def test_newer_measurements_count_more() -> None:
    """Learned rates follow a lasting change within a few jobs."""
    part = EstimatedPart(Stage.DENOISE, 0, 10.0)
    rates = StageRates()
    rates.learn("model", part, 10.0)
    for _ in range(10):
        rates.learn("model", part, 20.0)
    assert rates.expected("model", part) == pytest.approx(20.0, rel=0.05)


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=6),
    st.integers(1, 60),
    st.lists(st.tuples(st.sampled_from(Stage), st.integers(0, 6), st.integers(0, 70)), max_size=60),
)
def test_percent_never_goes_back(
    frames: list[int], steps: int, updates: list[tuple[Stage, int, int]]
) -> None:
    """For any updates in any order, percent stays between 0 and 99.9 and never falls, and no time is negative."""
    estimate = Estimate(
        "model", attempt_parts(frames, finished_scenes=(), pixels=PIXELS, steps=steps), StageRates()
    )
    last = 0.0
    for number, (stage, scene, step) in enumerate(updates):
        if step > steps:
            estimate.finish(stage, scene, float(number))
        else:
            estimate.step(stage, scene, step=step, steps=steps, stage_seconds=float(number))
        assert last <= estimate.percent <= 99.9
        assert estimate.eta_seconds is None or estimate.eta_seconds >= 0.0
        last = estimate.percent
