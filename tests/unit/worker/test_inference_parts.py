"""Parts of the inference process that need no process: progress, exit causes, error texts."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinolog_worker.inference.exit_cause import exit_cause
from kinolog_worker.inference.inference_loop import describe_error
from kinolog_worker.inference.messages import RenderJob
from kinolog_worker.inference.progress_meter import ProgressMeter
from kinolog_worker.renderers.renderer import ModelSource

from kinolog.storyboard.planner import plan_storyboard

SECRET = "my neighbour's blue parrot sings at night"


@given(st.lists(st.tuples(st.integers(1, 100), st.booleans()), min_size=1, max_size=6), st.integers(1, 9))
def test_progress_rises_to_one(scenes: list[tuple[int, bool]], steps: int) -> None:
    """Progress never decreases, stays within 0 and 1, and is 1 after the last step of the last scene."""
    meter = ProgressMeter(tuple(frames for frames, _ in scenes))
    last = 0.0
    for index, (_, reused) in enumerate(scenes):
        if reused:
            meter.reuse_scene(index)
            continue
        for stage in ("denoise", "decode"):
            for step in range(1, steps + 1):
                fraction = meter.fraction(index, stage, step, steps)
                assert last <= fraction + 1e-9
                assert 0 < fraction <= 1
                last = fraction
        meter.finish_scene(index, denoise_seconds=3.0, decode_seconds=1.0)
    if not scenes[-1][1]:
        assert last == pytest.approx(1.0)


def test_the_eta_follows_the_pace() -> None:
    """With half of the work done in ten seconds, ten more are to come; reused scenes do not count as pace."""
    meter = ProgressMeter((10, 10, 20))
    meter.reuse_scene(0)
    assert meter.eta_seconds(0.25, 0.0) is None
    meter.finish_scene(1, denoise_seconds=9.0, decode_seconds=1.0)
    assert meter.eta_seconds(0.5, 0.0) == pytest.approx(20.0)
    assert meter.eta_seconds(1.0, 5.0) == 0.0


@pytest.mark.parametrize(
    ("exit_code", "memory", "code", "words"),
    [
        (-signal.SIGKILL, True, "OUT_OF_MEMORY", "memory ran out"),
        (-signal.SIGKILL, False, "WORKER_CRASHED", "SIGKILL"),
        (-signal.SIGSEGV, True, "WORKER_CRASHED", "SIGSEGV"),
        (-1234, False, "WORKER_CRASHED", "signal 1234"),
        (3, False, "WORKER_CRASHED", "exit code 3"),
        (0, False, "WORKER_CRASHED", "exit code 0"),
    ],
)
def test_an_exit_has_a_cause(exit_code: int, memory: bool, code: str, words: str) -> None:
    """The cause follows from the signal, the exit code and the kernel's count of kills for memory."""
    found = exit_cause(exit_code, memory)
    assert found[0] == code
    assert words in found[1]


def _job(prompt: str) -> RenderJob:
    return RenderJob(
        job_id="job",
        model=ModelSource("m", "l"),
        scenes=plan_storyboard(prompt, frames=8, fps=8, seed=0),
        width=64,
        height=64,
        fps=8,
        steps=1,
        guidance=1.0,
        folder=Path("unused"),
        negative_prompt="ugly feathers",
    )


@pytest.mark.parametrize(
    "text",
    [
        f"cannot draw {SECRET!r}",
        "truncated: ['blue parrot sings']",
        "negative prompt 'ugly feathers' is not a list",
        "my neighbour's\n  blue parrot sings at night",
    ],
)
def test_an_error_that_quotes_the_prompt_loses_its_text(text: str) -> None:
    """Of an error with words of the prompt only the type is described."""
    message = describe_error(ValueError(text), _job(SECRET))
    assert message.startswith("ValueError")
    assert "parrot" not in message
    assert "feathers" not in message


def test_other_errors_keep_their_text() -> None:
    """An error without words of the prompt is described with its text, cut to a readable length."""
    assert (
        describe_error(ValueError("sizes  must\nbe even"), _job(SECRET)) == "ValueError: sizes must be even"
    )
    assert describe_error(KeyError(), _job(SECRET)) == "KeyError"
    assert len(describe_error(ValueError("x" * 9_999), _job(SECRET))) < 400
