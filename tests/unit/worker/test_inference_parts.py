"""Parts of the inference process that need no process: exit causes and error texts."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from kinolog_worker.inference.exit_cause import exit_cause
from kinolog_worker.inference.inference_loop import describe_error
from kinolog_worker.inference.messages import RenderJob
from kinolog_worker.renderers.renderer import ModelSource

from kinolog.storyboard.planner import plan_storyboard

SECRET = "my neighbour's blue parrot sings at night"


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
    found_code, message = exit_cause(exit_code, killed_for_memory=memory)
    assert found_code == code
    assert words in message


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
        "no token for 'PARROT'",
        "feathers",
    ],
)
def test_an_error_that_quotes_the_prompt_loses_its_text(text: str) -> None:
    """Of an error with words of the prompt only the type is described."""
    message = describe_error(ValueError(text), _job(SECRET))
    assert message.startswith("ValueError")
    assert "parrot" not in message
    assert "feathers" not in message


def test_an_error_that_quotes_a_prompt_without_spaces() -> None:
    """A part of a prompt is recognised in a script without spaces too."""
    message = describe_error(ValueError("unknown: 鸚鵡が歌う"), _job("夜に青い鸚鵡が歌う"))
    assert message.startswith("ValueError (")
    assert "鸚鵡" not in message


def test_other_errors_keep_their_text() -> None:
    """An error without words of the prompt is described with its text, cut to a readable length."""
    assert (
        describe_error(ValueError("sizes  must\nbe even"), _job(SECRET)) == "ValueError: sizes must be even"
    )
    assert describe_error(KeyError(), _job(SECRET)) == "KeyError"
    assert len(describe_error(ValueError("x" * 9_999), _job(SECRET))) < 400
