"""Percent and time to completion."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinolog_worker.reporting.estimate import Estimate, attempt_parts
from kinolog_worker.reporting.stage_rates import EstimatedPart, StageRates

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
    """Before two steps of denoising are done there is no time, not even with rates of earlier jobs."""
    for rates in (StageRates(), learned({}, plan())):
        estimate = Estimate("model", plan(), rates)
        assert estimate.eta_seconds is None
        estimate.finish(Stage.PREFETCH, None, 30.0)
        estimate.step(Stage.DENOISE, 0, step=1, steps=10, stage_seconds=2.0)
        assert estimate.eta_seconds is None
        estimate.step(Stage.DENOISE, 0, step=2, steps=10, stage_seconds=4.0)
        assert estimate.eta_seconds is not None


def test_steps_of_earlier_scenes_show_the_pace_too() -> None:
    """With one step a scene, two scenes show the pace."""
    estimate = Estimate("model", plan(scenes=4, steps=1), StageRates())
    for scene in (0, 1):
        assert estimate.eta_seconds is None
        estimate.step(Stage.DENOISE, scene, step=1, steps=1, stage_seconds=3.0)
        estimate.finish(Stage.DENOISE, scene, 3.0)
    assert estimate.eta_seconds is not None
    assert estimate.eta_seconds > 6.0


def test_the_eta_stays_between_the_last_step_and_the_end_of_the_stage() -> None:
    """After the last step of denoising, before the stage ends, the time left is that of the other stages."""
    estimate = Estimate("model", plan(scenes=1), StageRates())
    for step in range(1, 11):
        estimate.step(Stage.DENOISE, 0, step=step, steps=10, stage_seconds=2.0 * step)
    before = estimate.eta_seconds
    estimate.finish(Stage.DENOISE, 0, 20.0)
    assert before == pytest.approx(estimate.eta_seconds)


def test_the_own_pace_carries_to_the_end() -> None:
    """At two seconds a step, eighteen steps of denoising are about thirty-six seconds, and the rest some more."""
    estimate = Estimate("model", plan(), StageRates())
    estimate.step(Stage.DENOISE, 0, step=1, steps=10, stage_seconds=2.0)
    estimate.step(Stage.DENOISE, 0, step=2, steps=10, stage_seconds=4.0)
    assert estimate.eta_seconds is not None
    assert 36.0 < estimate.eta_seconds < 60.0


def test_a_slow_first_step_is_no_pace() -> None:
    """The first step may compile or load: it takes a minute, the others a second, and eight are left."""
    estimate = Estimate("model", plan(scenes=1), StageRates())
    estimate.step(Stage.DENOISE, 0, step=1, steps=10, stage_seconds=60.0)
    estimate.step(Stage.DENOISE, 0, step=2, steps=10, stage_seconds=61.0)
    assert estimate.eta_seconds is not None
    assert 8.0 < estimate.eta_seconds < 14.0


def test_other_stages_take_as_long_as_in_jobs_of_this_size() -> None:
    """The steps left follow the own pace, here twice as slow as learned, which counts as a tenth of the steps.

    Decoding and the end are as learned.
    """
    rates = learned({Stage.DENOISE: 10.0, Stage.DECODE: 3.0}, plan(scenes=1))
    estimate = Estimate("model", plan(scenes=1), rates)
    estimate.finish(Stage.PREFETCH, None, 1.0)
    estimate.finish(Stage.ENCODE_PROMPT, 0, 1.0)
    estimate.step(Stage.DENOISE, 0, step=1, steps=10, stage_seconds=2.0)
    estimate.step(Stage.DENOISE, 0, step=5, steps=10, stage_seconds=10.0)
    assert estimate.eta_seconds == pytest.approx(5 * (5 * 2.0 + 1.0) / 6 + 3.0 + 3 * 1.0)


def test_decoded_frames_show_the_pace_of_decoding() -> None:
    """While frames are decoded, the time left follows them."""
    estimate = Estimate("model", plan(scenes=1), StageRates())
    for step in (1, 2):
        estimate.step(Stage.DENOISE, 0, step=step, steps=2, stage_seconds=1.0 * step)
    estimate.finish(Stage.DENOISE, 0, 2.0)
    estimate.step(Stage.DECODE, 0, step=25, steps=100, stage_seconds=10.0)
    assert estimate.eta_seconds == pytest.approx(30.0, abs=0.5)


def test_the_eta_shrinks_in_a_stage_without_steps() -> None:
    """While the file is assembled, the time left is what is expected less what has passed, and never nothing."""
    rates = learned({Stage.ASSEMBLE: 20.0}, plan(scenes=1))
    estimate = Estimate("model", plan(scenes=1), rates)
    for step in (1, 2):
        estimate.step(Stage.DENOISE, 0, step=step, steps=2, stage_seconds=1.0 * step)
    for stage, scene in (
        (Stage.PREFETCH, None),
        (Stage.ENCODE_PROMPT, 0),
        (Stage.DENOISE, 0),
        (Stage.DECODE, 0),
    ):
        estimate.finish(stage, scene, 1.0)
    for passed, left in ((0.0, 22.0), (15.0, 7.0), (40.0, 6.0)):
        estimate.run(Stage.ASSEMBLE, None, passed)
        assert estimate.eta_seconds == pytest.approx(left)


def test_rates_are_learned_for_each_model() -> None:
    """The rates of one model do not apply to another."""
    part = EstimatedPart(Stage.DECODE, 0, 10.0)
    rates = StageRates()
    rates.learn("model", part, 10.0)
    assert rates.expected("other", part) is None


def test_fixed_cost_and_rate_are_told_apart() -> None:
    """A small job shows the fixed cost, a large one the rate; a size between or beyond gets both."""
    rates = StageRates()
    for units in (0.02, 20.0):
        rates.learn("model", EstimatedPart(Stage.DECODE, 0, units), 0.5 + 0.1 * units)
    for units in (0.02, 0.3, 5.0, 20.0, 100.0):
        expected = rates.expected("model", EstimatedPart(Stage.DECODE, 0, units))
        assert expected == pytest.approx(0.5 + 0.1 * units, rel=0.05)


def test_small_jobs_tell_nothing_about_large_ones() -> None:
    """With measurements of one size, a size that differs by more than a factor of two is not known."""
    rates = StageRates()
    for _ in range(20):
        rates.learn("model", EstimatedPart(Stage.DECODE, 0, 0.02), 0.005)
    assert rates.expected("model", EstimatedPart(Stage.DECODE, 0, 0.03)) is not None
    assert rates.expected("model", EstimatedPart(Stage.DECODE, 0, 16.0)) is None


def simulate(
    estimate: Estimate, parts: list[EstimatedPart], steps: int, cost: Cost
) -> list[tuple[float, float]]:
    """Run an attempt whose parts take the seconds of `cost`. Return each estimate with the seconds truly left."""
    left = sum(cost.seconds(part) for part in parts)
    estimates = []
    for part in parts:
        seconds = cost.seconds(part)
        if part.stage is Stage.DENOISE:
            for step in range(1, steps + 1):
                estimate.step(
                    part.stage, part.scene, step=step, steps=steps, stage_seconds=seconds * step / steps
                )
                if estimate.eta_seconds is not None:
                    estimates.append((estimate.eta_seconds, left - seconds * step / steps))
        left -= seconds
        estimate.finish(part.stage, part.scene, seconds)
        if estimate.eta_seconds is not None:
            estimates.append((estimate.eta_seconds, left))
    return estimates


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a stage: fixed, per step and megapixel of denoising, per megapixel of decoding.

    Assembling costs a third of decoding, signing and storing a tenth.
    """

    fixed: float
    denoise: float
    decode: float

    def seconds(self, part: EstimatedPart) -> float:
        """Return the seconds of a part."""
        share = {Stage.ASSEMBLE: 1 / 3, Stage.SIGN: 0.1, Stage.STORE: 0.1}
        rate = self.denoise if part.stage is Stage.DENOISE else self.decode * share.get(part.stage, 1.0)
        return self.fixed + part.units * rate


@given(
    st.floats(0.001, 0.1),
    st.floats(0.05, 1.0),
    st.floats(0.002, 0.01),
    st.integers(2, 100),
    st.integers(1, 4),
)
def test_small_jobs_do_not_spoil_the_eta_of_a_large_one(
    fixed: float, denoise: float, decode: float, steps: int, scenes: int
) -> None:
    """After twenty jobs that are nearly all fixed cost, the eta of a large job is within a factor of three of what
    is left, while at least a sixth of the whole is left."""
    cost, rates = Cost(fixed, denoise, decode), StageRates()
    for _ in range(20):
        small = attempt_parts([5], finished_scenes=(), pixels=64 * 64, steps=1)
        simulate(Estimate("model", small, rates), small, 1, cost)
    parts = attempt_parts([60] * scenes, finished_scenes=(), pixels=PIXELS, steps=steps)
    estimates = simulate(Estimate("model", parts, rates), parts, steps, cost)
    whole = sum(cost.seconds(part) for part in parts)
    assert estimates
    for said, left in estimates:
        if left > whole / 6:
            assert left / 3 < said < left * 3


def test_what_is_drawn_again_of_the_scene_before_is_work() -> None:
    """Denoising and the frames of the video are counted apart."""
    parts = attempt_parts([10, 10], finished_scenes=(), pixels=1_000_000, steps=5, redrawn_frames=[0, 2])
    assert [part.units for part in parts if part.stage is Stage.DENOISE] == [50, 60]
    assert [part.units for part in parts if part.stage is Stage.DECODE] == [10, 10]


@dataclass(frozen=True, slots=True)
class Recording:
    """A job of 240 frames of 256x256 in 100 steps, on a machine with other work: seconds after its start by step."""

    steps: dict[int, float]
    denoise: float
    decode: float
    end: float

    def replay(self, rates: StageRates) -> list[tuple[int, float, float]]:
        """Return the step, the estimate and the seconds truly left wherever there is an estimate."""
        parts = attempt_parts(
            [240], finished_scenes=(), pixels=256 * 256, steps=100, native_pixels=64 * 64, native_frames=33
        )
        estimate = Estimate("model", parts, rates)
        for stage, scene in ((Stage.PREFETCH, None), (Stage.ENCODE_PROMPT, 0)):
            estimate.finish(stage, scene, 0.0001)
        found = []
        for step, seconds in self.steps.items():
            estimate.step(Stage.DENOISE, 0, step=step, steps=100, stage_seconds=seconds)
            if estimate.eta_seconds is not None:
                found.append((step, estimate.eta_seconds, self.end - seconds))
        estimate.finish(Stage.DENOISE, 0, self.denoise)
        estimate.finish(Stage.DECODE, 0, self.decode)
        estimate.finish(Stage.ASSEMBLE, None, self.end - self.denoise - self.decode)
        return found


QUIET = Recording(
    {1: 0.017, 4: 0.051, 40: 0.352, 70: 0.585, 100: 0.816}, denoise=0.83, decode=0.452, end=1.48
)
"""Eight milliseconds a step."""
SLOWED = Recording(
    {1: 0.091, 2: 0.1, 4: 0.117, 8: 0.153, 16: 0.254, 25: 0.347, 40: 2.928, 60: 3.289},
    denoise=4.106,
    decode=2.415,
    end=6.85,
)
"""A quick start; other work comes after a quarter of the steps."""
FREED = Recording(
    {1: 0.065, 2: 0.133, 8: 0.801, 11: 1.111, 14: 1.618, 16: 1.852}, denoise=3.769, decode=0.577, end=4.54
)
"""A hundred milliseconds a step, until the other work ends."""


def test_a_quick_start_shows_no_time_left() -> None:
    """Quick steps for a third of a second say nothing about the whole. Later ones are not far from the truth."""
    found = SLOWED.replay(StageRates())
    assert [step for step, _, _ in found] == [40, 60]
    for _, said, left in found:
        assert left / 3 < said < left * 3


def test_a_slow_start_is_compared_with_earlier_jobs() -> None:
    """One job of this size is enough to doubt that the slow steps of a busy moment go on to the end."""
    rates = StageRates()
    QUIET.replay(rates)
    found = FREED.replay(rates)
    assert [step for step, _, _ in found] == [8, 11, 14, 16]
    for _, said, left in found:
        assert left / 3 < said < left * 3


def test_reused_scenes_are_no_work() -> None:
    """An attempt that uses a scene again has less to do."""
    whole, part = Estimate("model", plan(), StageRates()), Estimate("model", plan(reused=(0,)), StageRates())
    for estimate in (whole, part):
        estimate.step(Stage.DENOISE, 1, step=1, steps=10, stage_seconds=2.0)
        estimate.step(Stage.DENOISE, 1, step=2, steps=10, stage_seconds=4.0)
    assert whole.eta_seconds is not None
    assert part.eta_seconds is not None
    assert part.eta_seconds < whole.eta_seconds - 20.0


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


def test_enlarged_frames_are_work_of_each_scene() -> None:
    """Also of those that an earlier attempt drew. What follows works on the larger frames."""
    parts = attempt_parts([10, 10], finished_scenes={0}, pixels=PIXELS, steps=10, finished_pixels=4 * PIXELS)
    assert [(one.scene, one.units) for one in parts if one.stage is Stage.POSTPROCESS] == [
        (0, 40.0),
        (1, 40.0),
    ]
    assert next(one.units for one in parts if one.stage is Stage.ASSEMBLE) == 80.0
