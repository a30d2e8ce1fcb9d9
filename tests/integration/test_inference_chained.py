"""Films whose scenes go on from each other, with the inference process killed in each scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from kinolog_worker.inference.messages import (
    FailedMessage,
    FinishedMessage,
    Message,
    RenderJob,
    SceneRenderedMessage,
)
from kinolog_worker.inference.process import InferenceProcess
from kinolog_worker.media.clips import ClipSampling, read_clip

from kinolog.storyboard.planner import SceneSpec, plan_storyboard
from kinolog.storyboard.windows import cut_into_windows
from tests.builders.render_jobs import card_job

SHOTS = {
    "windows": [SceneSpec(prompt="a walk")],
    "scenes": [SceneSpec(prompt=text) for text in ("a walk", "a run", "a rest")],
}
"""One scene that is cut into three windows, and three scenes."""

WIDTH, FRAMES = 128, 30


def _film(folder: Path, shots: Sequence[SceneSpec], **options: object) -> RenderJob:
    """Return a job of three parts of ten frames, in which the bars move one pixel a frame."""
    scenes = plan_storyboard("", shots=shots, frames=FRAMES, fps=8, seed=7)
    windows = cut_into_windows(scenes, 10, 8)
    seeded = tuple(replace(window, seed=7 + window.index) for window in windows)
    job = card_job(folder, "a walk", FRAMES, **options)
    return replace(job, width=WIDTH, scenes=seeded, chained=True, tagged=True)


def _chapters(film: FinishedMessage) -> int:
    with av.open(str(_video(film))) as container:
        return len(container.chapters())


async def _run(process: InferenceProcess, job: RenderJob) -> list[Message]:
    return [message async for message in process.run(job)]


def _video(film: FinishedMessage) -> Path:
    return next(file.path for file in film.files if file.kind == "video")


def _places(film: FinishedMessage) -> list[int]:
    """Return of each frame of a film by how many pixels the bars have moved since the first one."""
    wanted = ClipSampling(width=WIDTH, height=48, fps=8, frames=FRAMES, least=FRAMES)
    frames = [
        np.asarray(shown).astype(int) for shown in read_clip(_video(film), "video/mp4", wanted, lambda: None)
    ]
    moved = [np.roll(frames[0], place, axis=1) for place in range(WIDTH)]
    return [int(np.argmin([abs(frame - one).mean() for one in moved])) for frame in frames]


@pytest.mark.parametrize("shots", SHOTS.values(), ids=SHOTS)
async def test_a_killed_film_goes_on_from_the_part_before(
    process: InferenceProcess, tmp_path: Path, shots: Sequence[SceneSpec]
) -> None:
    """The process is killed in each of three parts. Each is rendered once, and the film is that of a quiet run.

    The bars move one pixel in each frame: nothing jumps, no frame is there twice and none is left out.
    """
    whole = (await _run(process, _film(tmp_path / "whole", shots)))[-1]
    assert isinstance(whole, FinishedMessage)
    assert _chapters(whole) == (0 if len(shots) == 1 else len(shots))
    assert _places(whole) == list(range(FRAMES))
    rendered: list[int] = []
    done: tuple[SceneRenderedMessage, ...] = ()
    for attempt in range(4):
        fault = {"die_at_step": 2, "at_seed": 7 + attempt}
        job = _film(tmp_path / f"attempt-{attempt}", shots, **fault)
        messages = await _run(process, replace(job, finished_scenes=tuple(message.file for message in done)))
        done = tuple(message for message in messages if isinstance(message, SceneRenderedMessage))
        rendered.extend(message.file.index for message in done if not message.reused)
        ended = messages[-1]
        assert isinstance(ended, FinishedMessage if attempt == 3 else FailedMessage)
    assert rendered == [0, 1, 2]
    assert isinstance(ended, FinishedMessage)
    assert ended.media == whole.media


async def test_what_follows_a_damaged_scene_is_rendered_again(
    process: InferenceProcess, tmp_path: Path
) -> None:
    """Scenes of an earlier attempt went on from a file that is not there any more. Without a chain they are used."""
    messages = await _run(process, _film(tmp_path / "first", SHOTS["windows"]))
    files = tuple(message.file for message in messages if isinstance(message, SceneRenderedMessage))
    files[1].path.write_bytes(b"damaged")
    for chained, reused in ((True, [0]), (False, [0, 2])):
        job = replace(_film(tmp_path / f"again-{chained}", SHOTS["windows"]), chained=chained)
        again = await _run(process, replace(job, finished_scenes=files))
        scenes = [message for message in again if isinstance(message, SceneRenderedMessage)]
        assert [scene.file.index for scene in scenes if scene.reused] == reused
        assert isinstance(again[-1], FinishedMessage)
