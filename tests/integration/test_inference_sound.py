"""Sound of videos that the inference process makes: from the renderer into scenes, the video and its facts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.inference.messages import (
    FailedMessage,
    FinishedMessage,
    Message,
    RenderJob,
    SceneRenderedMessage,
)
from kinolog_worker.inference.process import InferenceProcess

from kinolog.storyboard.shots import Transition
from tests.builders.render_jobs import card_job
from tests.builders.sound import clicks_in

CLICK = 3
THREE_SCENES = "Scene 1: a star. Scene 2: a ring. Scene 3: a ball."


async def _all(process: InferenceProcess, job: RenderJob) -> list[Message]:
    return [message async for message in process.run(job)]


def _finished(messages: list[Message]) -> FinishedMessage:
    assert isinstance(messages[-1], FinishedMessage), messages[-1]
    return messages[-1]


@pytest.mark.parametrize("transition", [Transition.CUT, Transition.DISSOLVE])
async def test_sound_is_in_sync_through_all_scenes(
    process: InferenceProcess, tmp_path: Path, transition: Transition
) -> None:
    """Each scene clicks at its fourth frame, in its own file and in the video; the frames are those without sound."""
    job = card_job(tmp_path, prompt=THREE_SCENES, frames=26, click_frames=[CLICK], sound_rate=44_100)
    first, *others = job.scenes
    job = replace(
        job,
        scenes=(first, *(replace(scene, transition=transition) for scene in others)),
        tagged=True,
        title="Clicks",
    )
    messages = await _all(process, job)
    finished = _finished(messages)
    starts = [sum(scene.frames for scene in job.scenes[:number]) for number in range(3)]
    video = finished.files[0].path
    assert clicks_in(video) == pytest.approx([(start + CLICK) / job.fps for start in starts], abs=0.001)
    for message in messages:
        if isinstance(message, SceneRenderedMessage):
            assert clicks_in(message.file.path) == pytest.approx([CLICK / job.fps], abs=0.001)
    media = finished.media
    assert (media.audio_codec, media.audio_sample_rate, media.audio_channels) == ("aac", 44_100, 2)
    silent = replace(job, folder=tmp_path / "silent", model=replace(job.model, name="silent", options={}))
    without = _finished(await _all(process, silent)).media
    assert (without.audio_codec, without.frame_hash) == ("", media.frame_hash)


async def test_sound_of_no_numbers_fails_the_job(process: InferenceProcess, tmp_path: Path) -> None:
    """Sound that is not made of numbers would come again, as such pictures do."""
    job = card_job(tmp_path, click_frames=[CLICK], sound_value=float("nan"))
    failed = (await _all(process, job))[-1]
    assert isinstance(failed, FailedMessage)
    assert (failed.code, failed.retryable) == ("SOUND_WRONG", False)
