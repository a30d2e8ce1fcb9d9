"""What libraries print in the inference process: its output goes into files that outlive an erasure."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_worker.inference.messages import FinishedMessage, LogLineMessage, RenderJob
from kinolog_worker.inference.process import InferenceProcess
from kinolog_worker.renderers.renderer import ModelSource

from kinolog.storyboard.planner import plan_storyboard
from tests.renderers.installed import PYTHONPATH
from tests.renderers.testcard import RENDERER


async def test_what_libraries_print_is_in_no_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prints and errors of threads are dropped; warnings and log records become lines of the job, which are sealed."""
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    job = RenderJob(
        job_id="job-1",
        model=ModelSource("testcard", "testcard", renderer=RENDERER, options={"quote_at_step": 2}),
        scenes=plan_storyboard("a purple unicorn", frames=20, fps=8, seed=7),
        width=64,
        height=48,
        fps=8,
        steps=3,
        guidance=1.0,
        folder=tmp_path,
    )
    process = InferenceProcess(device="cpu", threads=1)
    try:
        messages = [message async for message in process.run(job)]
    finally:
        await process.kill()
    assert isinstance(messages[-1], FinishedMessage)
    output = capfd.readouterr()
    assert "unicorn" not in output.out + output.err
    assert "ValueError in the inference process" in output.err
    lines = [message.text for message in messages if isinstance(message, LogLineMessage)]
    assert len([line for line in lines if "unicorn" in line]) == 2
    assert "unicorn" not in repr([one for one in messages if not isinstance(one, LogLineMessage)])
