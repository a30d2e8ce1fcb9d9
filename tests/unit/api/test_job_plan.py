"""Plans of jobs: defaults and limits of models."""

from __future__ import annotations

import pytest
from kinolog_api.jobs.job_plan import JobPlan, plan_job
from kinolog_api.rpc.errors import RpcError

from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import CATALOGUE


def plan(**fields: object) -> JobPlan:
    """Return the plan of a request with these fields."""
    request = pb.SubmitJobRequest(prompt="a fox", **fields)  # type: ignore[arg-type]  # fields of any type
    return plan_job(request, CATALOGUE, lambda: 77)


def violations(**fields: object) -> dict[str, str]:
    """Return the violations of a request with these fields."""
    with pytest.raises(RpcError) as refusal:
        plan(**fields)
    return {violation.field: violation.description for violation in refusal.value.violations}


def test_given_values_take_precedence_over_defaults() -> None:
    """Given values, including zero, are given. Only missing values get defaults."""
    given = plan(width=128, height=128, frames=9, fps=4, steps=5, guidance=0.0, seed=0, max_attempts=1)
    assert (given.width, given.height, given.frames, given.fps, given.steps) == (128, 128, 9, 4, 5)
    assert (given.guidance, given.seed, given.max_attempts) == (0.0, 0, 1)
    assert plan().seed == 77
    assert plan(model="large").negative_prompt == "blurry"
    assert plan(model="large", negative_prompt="dark").negative_prompt == "dark"


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"), [(3, 8, 24), (0.01, 8, 1), (2.05, 10, 20), (1.96, 10, 20), (60, 8, 480)]
)
def test_seconds_become_frames(seconds: float, fps: int, frames: int) -> None:
    """A duration is rounded to whole frames, at least one."""
    assert plan(duration_seconds=seconds, fps=fps).frames == frames


def test_styles_are_case_insensitive() -> None:
    """Styles are matched case-insensitively and stored in lower case."""
    assert plan(style="Cinematic").style == "cinematic"
    assert plan(model="large", style=" NOIR ").style == "noir"


def test_the_longest_video_of_a_model() -> None:
    """The maximum number of frames is accepted. One more is refused, and the error names the requested field."""
    assert plan(duration_seconds=60, fps=8).frames == 480
    assert "60 s at 8 frames per second" in violations(duration_seconds=60.2, fps=8)["duration_seconds"]
    assert "at most 480 frames" in violations(frames=481)["frames"]


def test_errors_list_the_supported_sizes() -> None:
    """An unsupported size is refused. The error lists the supported ones."""
    assert "64x64, 128x128" in violations(width=100, height=100)["width"]
    assert violations(height=100).keys() == {"height"}
    assert "even widths" in violations(model="large", width=4096, height=4096)["width"]
