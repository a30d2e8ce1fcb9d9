"""Films whose scenes go on from each other, with the inference process killed in each scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kinolog_worker.inference.messages import (
    FailedMessage,
    FinishedMessage,
    Message,
    RenderJob,
    SceneRenderedMessage,
)
from kinolog_worker.inference.process import InferenceProcess

from kinolog.storyboard.planner import SceneSpec, plan_storyboard
from kinolog.storyboard.windows import cut_into_windows
from tests.builders.render_jobs import card_job


def _film(folder: Path, **options: object) -> RenderJob:
    """Return a job of three windows of one long scene. Test cards of a window depend on the file of the one before."""
    scenes = plan_storyboard("", shots=[SceneSpec(prompt="a walk")], frames=30, fps=8, seed=7)
    windows = cut_into_windows(scenes, 10, 8)
    return replace(card_job(folder, "a walk", 30, **options), scenes=windows, chained=True)


async def _run(process: InferenceProcess, job: RenderJob) -> list[Message]:
    return [message async for message in process.run(job)]


async def test_a_killed_film_goes_on_from_the_window_before(
    process: InferenceProcess, tmp_path: Path
) -> None:
    """The process is killed in each of three windows. Each is rendered once, and the film is that of a quiet run."""
    whole = (await _run(process, _film(tmp_path / "whole")))[-1]
    assert isinstance(whole, FinishedMessage)
    unchained = (await _run(process, replace(_film(tmp_path / "loose"), chained=False)))[-1]
    assert isinstance(unchained, FinishedMessage)
    assert unchained.media.frame_hash != whole.media.frame_hash
    rendered: list[int] = []
    done: tuple[SceneRenderedMessage, ...] = ()
    for attempt in range(4):
        fault = {"die_at_step": 2, "at_seed": 7 + attempt}
        job = _film(tmp_path / f"attempt-{attempt}", **fault)
        messages = await _run(process, replace(job, finished_scenes=tuple(message.file for message in done)))
        done = tuple(message for message in messages if isinstance(message, SceneRenderedMessage))
        rendered.extend(message.file.index for message in done if not message.reused)
        ended = messages[-1]
        assert isinstance(ended, FinishedMessage if attempt == 3 else FailedMessage)
    assert rendered == [0, 1, 2]
    assert isinstance(ended, FinishedMessage)
    assert ended.media == whole.media
