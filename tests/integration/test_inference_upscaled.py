"""Videos whose frames are enlarged and interpolated after they were drawn, in the real inference process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from kinolog_worker.inference.messages import (
    CancelledMessage,
    FinishedMessage,
    LoadedMessage,
    Message,
    RenderJob,
    SceneRenderedMessage,
    StageFinishedMessage,
    StepMessage,
)
from kinolog_worker.inference.process import InferenceProcess
from kinolog_worker.media.frames import Frames, decoded_frames
from kinolog_worker.renderers.diffusers.upscalers.swin2sr import load_swin2sr
from kinolog_worker.renderers.upscaler import UpscalerSource

from kinolog.storyboard.planner import SceneSpec, plan_storyboard
from kinolog.storyboard.shots import Transition
from tests.builders.render_jobs import card_job
from tests.renderers.tiny_upscaler import tiny_upscaler, tiny_upscaler_source

FRAMES, FPS = 24, 8


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> UpscalerSource:
    """A tiny upscaler in a folder."""
    return tiny_upscaler_source(tiny_upscaler(tmp_path_factory.mktemp("upscaler")))


def _job(folder: Path, source: UpscalerSource) -> RenderJob:
    """Return a chained job of two scenes with sound. The second begins out of black."""
    shots = [SceneSpec(prompt="a walk"), SceneSpec(prompt="a run", transition=Transition.FADE)]
    scenes = plan_storyboard("", shots=shots, frames=FRAMES, fps=FPS, seed=7)
    job = card_job(folder, "a walk", FRAMES, click_frames=[2])
    return replace(job, scenes=scenes, chained=True, tagged=True, upscaler=source, interpolation_factor=2)


def _frames(path: Path) -> Frames:
    return np.stack(list(decoded_frames(path)))


async def _cancelled(process: InferenceProcess, job: RenderJob) -> None:
    """Cancel a job within its first enlarged frames. What was drawn is kept, and no further scene is enlarged."""
    seen: list[Message] = []
    async for message in process.run(job):
        seen.append(message)
        if isinstance(message, StepMessage) and message.stage == "postprocess":
            process.cancel(job.job_id)
    assert isinstance(seen[-1], CancelledMessage)
    assert not [one for one in seen if isinstance(one, StageFinishedMessage) and one.stage == "postprocess"]
    assert [one.file.index for one in seen if isinstance(one, SceneRenderedMessage)] == [0, 1]


async def test_frames_are_enlarged_after_all_scenes_were_drawn(
    process: InferenceProcess, tmp_path: Path, source: UpscalerSource
) -> None:
    """The video has the frames that the upscaler makes of the drawn ones, its sound, and says what was done.

    Scenes go on from what was drawn, not from what was enlarged. A job that is cancelled meanwhile ends within a frame.
    """
    await _cancelled(process, _job(tmp_path / "cancelled", source))
    messages = [message async for message in process.run(_job(tmp_path, source))]
    finished = messages[-1]
    assert isinstance(finished, FinishedMessage), finished
    assert (finished.media.width, finished.media.height) == (128, 96)
    assert (finished.media.frames, finished.media.audio_codec) == (2 * FRAMES, "aac")
    assert (finished.media.fps, finished.media.duration_seconds) == (2 * FPS, FRAMES / FPS)
    assert finished.media.pixel_format == "yuv420p"
    (loaded,) = (message for message in messages if isinstance(message, LoadedMessage))
    used = load_swin2sr(source, "cpu").used
    assert loaded.facts.upscaler == used
    stages = [(one.stage, one.scene) for one in messages if isinstance(one, StageFinishedMessage)]
    assert stages[-3:] == [("postprocess", 0), ("postprocess", 1), ("assemble", None)]
    steps = [one for one in messages if isinstance(one, StepMessage) and one.stage == "postprocess"]
    assert [(one.scene, one.step) for one in steps] == [
        (scene, step) for scene in (0, 1) for step in range(1, 25)
    ]
    drawn = [one.file.path for one in messages if isinstance(one, SceneRenderedMessage)]
    assert _frames(drawn[0]).shape == (12, 48, 64, 3)
    upscaler = load_swin2sr(source, "cpu")
    enlarged = np.stack([upscaler.enlarge(frame, lambda: None) for frame in decoded_frames(drawn[0])])
    video = next(file.path for file in finished.files if file.kind == "video")
    shown = _frames(video)
    assert np.abs(shown[:16:2].astype(int) - enlarged[:8]).mean() < 3  # the encoder's loss
    with av.open(str(video)) as container:
        assert container.metadata["comment"].endswith("enlarged by tiny-x2, drawn at 8 fps")
        assert [chapter["end"] for chapter in container.chapters()] == [1500, 3000]
