"""Filling in what a request leaves out, and the limits of models."""

from __future__ import annotations

import pytest
from kinolog_api.jobs.job_plan import JobPlan, plan_job
from kinolog_api.rpc.errors import RpcError

from kinolog.v1 import job_service_pb2 as pb
from tests.unit.api.running_api import CATALOGUE


def plan(**fields: object) -> JobPlan:
    """The plan of a request with these fields."""
    request = pb.SubmitJobRequest(prompt="a fox", **fields)  # type: ignore[arg-type]  # fields of any type
    return plan_job(request, CATALOGUE, lambda: 77)


def violations(**fields: object) -> dict[str, str]:
    """What is wrong with a request with these fields."""
    with pytest.raises(RpcError) as refusal:
        plan(**fields)
    return {violation.field: violation.description for violation in refusal.value.violations}


def test_what_is_given_goes_before_defaults() -> None:
    """Given values are kept, zero among them, and only what is left out is filled in."""
    kept = plan(width=128, height=128, frames=9, fps=4, steps=5, guidance=0.0, seed=0, max_attempts=1)
    assert (kept.width, kept.height, kept.frames, kept.fps, kept.steps) == (128, 128, 9, 4, 5)
    assert (kept.guidance, kept.seed, kept.max_attempts) == (0.0, 0, 1)
    assert plan().seed == 77
    assert plan(model="large").negative_prompt == "blurry"
    assert plan(model="large", negative_prompt="dark").negative_prompt == "dark"


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"), [(3, 8, 24), (0.01, 8, 1), (2.05, 10, 20), (1.96, 10, 20), (60, 8, 480)]
)
def test_seconds_become_frames(seconds: float, fps: int, frames: int) -> None:
    """A length is rounded to whole frames, at least one."""
    assert plan(duration_seconds=seconds, fps=fps).frames == frames


def test_styles_in_any_case() -> None:
    """A style is found in any case and kept in lower case."""
    assert plan(style="Cinematic").style == "cinematic"
    assert plan(model="large", style=" NOIR ").style == "noir"


def test_the_longest_a_model_makes() -> None:
    """The last frame that fits is taken; one more is refused in the words of the field that asked for it."""
    assert plan(duration_seconds=60, fps=8).frames == 480
    assert "60 seconds at 8 frames per second" in violations(duration_seconds=60.2, fps=8)["duration_seconds"]
    assert "at most 480 frames" in violations(frames=481)["frames"]


def test_sizes_are_told() -> None:
    """A size that the model does not take is refused with those that it takes."""
    assert "64x64, 128x128" in violations(width=100, height=100)["width"]
    assert violations(height=100).keys() == {"height"}
    assert "even widths" in violations(model="large", width=4096, height=4096)["width"]
