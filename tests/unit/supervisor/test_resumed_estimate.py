"""Time and percent of an attempt whose scene goes on from a checkpoint."""

from __future__ import annotations

import pytest
from kinolog_worker.reporting.estimate import Estimate, attempt_parts
from kinolog_worker.reporting.stage_rates import StageRates

from kinolog.job.values import Stage


def test_the_steps_of_a_checkpoint_show_no_pace() -> None:
    """They are done at once, and are no work of this attempt: the time left is that of the steps since."""
    rates = StageRates()
    parts = attempt_parts([10], finished_scenes=(), pixels=64 * 64, steps=50)
    estimate = Estimate("model", parts, rates)
    estimate.step(Stage.DENOISE, 0, step=40, steps=50, stage_seconds=0.5)
    assert estimate.eta_seconds is None
    assert estimate.percent > 50
    for step in (41, 42, 43):
        estimate.step(Stage.DENOISE, 0, step=step, steps=50, stage_seconds=0.5 + 10.0 * (step - 40))
    assert estimate.eta_seconds is not None
    assert estimate.eta_seconds >= 70.0
    estimate.step(Stage.DENOISE, 0, step=50, steps=50, stage_seconds=100.5)
    before = estimate.eta_seconds
    estimate.finish(Stage.DENOISE, 0, 100.5)
    assert estimate.eta_seconds == pytest.approx(before, rel=0.05)
    denoise = next(part for part in parts if part.stage is Stage.DENOISE)
    assert rates.expected("model", denoise) is None
