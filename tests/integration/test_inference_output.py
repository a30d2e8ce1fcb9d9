"""What libraries print in the inference process: its output goes into files that outlive an erasure."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_worker.inference.messages import FinishedMessage, LogLineMessage
from kinolog_worker.inference.process import InferenceProcess

from tests.builders.render_jobs import card_job


async def test_what_libraries_print_is_in_no_output(
    process: InferenceProcess, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Prints and errors of threads are dropped; warnings and log records become lines of the job, which are sealed."""
    job = card_job(tmp_path, "a purple unicorn", quote_at_step=2)
    messages = [message async for message in process.run(job)]
    await process.kill()
    assert isinstance(messages[-1], FinishedMessage)
    output = capfd.readouterr()
    assert "unicorn" not in output.out + output.err
    assert "ValueError in the inference process" in output.err
    lines = [message.text for message in messages if isinstance(message, LogLineMessage)]
    assert len([line for line in lines if "unicorn" in line]) == 2
    assert "unicorn" not in repr([one for one in messages if not isinstance(one, LogLineMessage)])
