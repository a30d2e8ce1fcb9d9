"""A job that renders another one again: what its record says of the comparison."""

from __future__ import annotations

from types import MappingProxyType

from kinolog.job import commands as c
from kinolog.job.reproduction import (
    ComparedOriginal,
    FrameComparison,
    Reproduction,
    RuntimeDifference,
    runtime_differences,
)
from kinolog.job.values import Runtime, Status, UsedLora
from tests.builders.jobs import MEDIA, submit
from tests.strategies import START
from tests.unit.job.deciding import decided

BEFORE = Runtime(
    device="cuda:0",
    libraries=MappingProxyType({"torch": "2.9", "kinolog": "1"}),
    loras=(UsedLora(name="paper", weight=0.5, sha256="ab", licence="MIT"),),
    placement_reason="there is room",
)
AFTER = Runtime(
    device="cuda:0", libraries=MappingProxyType({"torch": "2.10", "diffusers": "0.42", "kinolog": "1"})
)
FRAMES = FrameComparison(psnr_db=41.5, ssim=0.99, first_frame=3, different_frames=2)


def test_what_two_attempts_ran_with_differently() -> None:
    """Each library and each LoRA is a fact of its own. Reasons are no facts."""
    assert runtime_differences(BEFORE, AFTER) == (
        RuntimeDifference(name="libraries.diffusers", original="", reproduction="0.42"),
        RuntimeDifference(name="libraries.torch", original="2.9", reproduction="2.10"),
        RuntimeDifference(name="loras.paper", original="ab at 0.5", reproduction=""),
    )
    assert runtime_differences(BEFORE, BEFORE) == ()


def test_the_comparison_is_recorded_with_the_video() -> None:
    """It compares with what the log says of this attempt, not with what the worker says."""
    _, queued = decided(None, submit(reproduces="original"), START)
    assert queued.job.reproduces == "original"
    _, started = decided(queued, c.StartAttempt(id="start", actor="w", runtime=AFTER), START)
    compared = ComparedOriginal(job_id="original", frame_hash="other", runtime=BEFORE, frames=FRAMES)
    complete = c.Complete(
        id="done", actor="w", attempt=1, artifacts=(), media=MEDIA, gpu_seconds=1.0, compared=compared
    )
    _, done = decided(started, complete, START)
    assert done.job.status is Status.COMPLETED
    assert done.job.reproduction == Reproduction(
        original="original",
        original_frame_hash="other",
        identical=False,
        frames=FRAMES,
        differences=runtime_differences(BEFORE, AFTER),
    )
