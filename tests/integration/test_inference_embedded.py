"""The embedded model in the inference process: from a prompt to a verified file."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import pytest_asyncio
from kinolog_worker.inference.checkpoints.checkpoint_messages import (
    CheckpointMessage,
    CheckpointPlan,
    EarlierCheckpoint,
    ResumedMessage,
)
from kinolog_worker.inference.messages import (
    CancelledMessage,
    FailedMessage,
    FinishedMessage,
    LoadedMessage,
    Message,
    PrefetchedMessage,
    PreviewMessage,
    RenderJob,
    SceneRenderedMessage,
    StepMessage,
    UnknownWordsMessage,
)
from kinolog_worker.inference.process import InferenceProcess
from kinolog_worker.renderers.diffusers.embedded_model import FOLDER
from kinolog_worker.renderers.renderer import LoraSource, ModelSource

from kinolog.models.catalogue import TINY
from kinolog.storyboard.planner import Shots, plan_storyboard
from kinolog.storyboard.prompt_vocabulary import VocabularyMatch
from tests.builders.lora_files import write_lora_file

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def model() -> ModelSource:
    """The embedded model."""
    return ModelSource(TINY.name, TINY.source)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process() -> AsyncIterator[InferenceProcess]:
    """An inference process with the installed renderers; starting one takes seconds, so that tests share it."""
    inference = InferenceProcess(device="cpu", threads=1)
    yield inference
    await inference.kill()


def _job(folder: Path, model: ModelSource, prompt: str, frames: int = 9) -> RenderJob:
    return RenderJob(
        job_id="job-1",
        model=model,
        scenes=plan_storyboard(prompt, shots=Shots.AUTO, frames=frames, fps=4, seed=7),
        width=256,
        height=256,
        fps=4,
        steps=4,
        guidance=4.0,
        folder=folder / "attempt",
        native_width=TINY.native_width or 0,
        native_height=TINY.native_height or 0,
        native_frames=TINY.native_frames or 0,
        preview_interval_seconds=0.0,
    )


async def _all(process: InferenceProcess, job: RenderJob) -> list[Message]:
    return [message async for message in process.run(job)]


async def test_a_prompt_becomes_a_video(
    process: InferenceProcess, tmp_path: Path, model: ModelSource
) -> None:
    """The embedded model renders at its own size; the file has the requested size, and each pixel is a square."""
    job = _job(tmp_path, model, "a red circle moving right on a blue background")
    messages = await _all(process, job)
    finished = messages[-1]
    assert isinstance(finished, FinishedMessage)
    assert (finished.media.width, finished.media.height, finished.media.frames) == (256, 256, 9)
    assert any(isinstance(message, PreviewMessage) for message in messages)
    (loaded,) = (message for message in messages if isinstance(message, LoadedMessage))
    assert loaded.facts.revision.startswith("sha256:")
    assert {"diffusers", "torch", "transformers"} <= set(loaded.facts.libraries)
    with av.open(str(job.folder / "video.mp4")) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    squares = picture.reshape(64, 4, 64, 4, 3)
    assert np.abs(squares - squares.mean(axis=(1, 3), keepdims=True)).mean() < 12


async def test_a_prefetched_scene_is_the_same(
    process: InferenceProcess, tmp_path: Path, model: ModelSource
) -> None:
    """A prefetch does not change the result; a second attempt can use the scenes."""
    job = _job(tmp_path, model, "a star. then a ring.", frames=10)
    prefetched = await process.prefetch(job)
    assert isinstance(prefetched, PrefetchedMessage)
    assert prefetched.embeddings == 2
    first = await _all(process, job)
    done = tuple(message.file for message in first if isinstance(message, SceneRenderedMessage))
    again = await _all(process, replace(job, folder=tmp_path / "again", finished_scenes=done[:1]))
    assert isinstance(first[-1], FinishedMessage)
    assert isinstance(again[-1], FinishedMessage)
    assert again[-1].media == first[-1].media


async def test_denoising_can_be_cancelled(
    process: InferenceProcess, tmp_path: Path, model: ModelSource
) -> None:
    """A job cancelled while it is denoised stops without decoding."""
    job = replace(_job(tmp_path, model, "a star"), steps=500)
    messages: list[Message] = []
    async for message in process.run(job):
        messages.append(message)
        if isinstance(message, StepMessage) and message.step == 1:
            process.cancel(job.job_id)
    assert isinstance(messages[-1], CancelledMessage)
    assert all(message.stage == "denoise" for message in messages if isinstance(message, StepMessage))
    assert list(job.folder.iterdir()) == []


async def test_the_prompt_stays_inside(
    tmp_path: Path, model: ModelSource, capfd: pytest.CaptureFixture[str]
) -> None:
    """A prompt too long for the model is cut without output that quotes it.

    Only the message for the owner about unknown words holds words of it.
    """
    process = InferenceProcess(device="cpu", threads=1)  # started under the capture, so that it inherits it
    job = _job(tmp_path, model, "zebra starfish " * 300)
    messages = await _all(process, job)
    await process.kill()
    output = capfd.readouterr()
    assert isinstance(messages[-1], FinishedMessage)
    unknown = [message.words for message in messages if isinstance(message, UnknownWordsMessage)]
    assert unknown == [VocabularyMatch(dropped=("zebra",))]
    others = repr([message for message in messages if not isinstance(message, UnknownWordsMessage)])
    for word in ("zebra", "starfish"):
        assert word not in output.out + output.err + others


async def test_a_folder_without_a_pipeline_is_not_retryable(
    process: InferenceProcess, tmp_path: Path, model: ModelSource
) -> None:
    """A model entry that names an empty folder fails the job with a code, and the process stays alive."""
    failed = (await _all(process, _job(tmp_path, replace(model, location=str(tmp_path)), "a star")))[-1]
    assert isinstance(failed, FailedMessage)
    assert (failed.code, failed.retryable) == ("MODEL_NOT_FOUND", False)
    assert process.alive


async def test_jobs_with_and_without_loras_share_a_model(
    process: InferenceProcess, tmp_path: Path, model: ModelSource
) -> None:
    """Each job gets what it names: frames, facts and errors. What ran before leaves no trace in the frames."""
    lora = LoraSource(
        name="ink",
        location=str(write_lora_file(FOLDER, tmp_path / "ink.safetensors")),
        weight=1.0,
        network="transformer",
        licence="mit",
    )
    wrong = replace(lora, location=str(FOLDER / "vae" / "diffusion_pytorch_model.safetensors"))
    await process.prefetch(_job(tmp_path, model, "a star"))
    hashes = []
    for number, loras in enumerate([(), (lora,), (wrong,), ()]):
        job = replace(_job(tmp_path, model, "a star", 5), folder=tmp_path / f"{number}", steps=2, loras=loras)
        messages = await _all(process, job)
        (loaded,) = (message for message in messages if isinstance(message, LoadedMessage))
        assert loaded.cached
        assert [used.name for used in loaded.facts.loras] == [each.name for each in loras]
        end = messages[-1]
        if loras == (wrong,):
            assert isinstance(end, FailedMessage)
            assert (end.code, end.retryable) == ("LORA_UNSUITABLE", False)
        else:
            assert isinstance(end, FinishedMessage)
            hashes.append(end.media.frame_hash)
    plain, changed, after = hashes
    assert plain == after != changed


async def test_a_killed_scene_goes_on_from_its_checkpoint(
    process: InferenceProcess, tmp_path: Path, model: ModelSource
) -> None:
    """After SIGKILL the next process draws the steps since the last checkpoint. The video is the same."""
    whole = replace(_job(tmp_path, model, "a red circle moving right on a blue background"), steps=8)
    (*_, uninterrupted) = await _all(process, whole)
    assert isinstance(uninterrupted, FinishedMessage)
    killed = replace(whole, folder=tmp_path / "killed", checkpoints=CheckpointPlan(interval_seconds=1e-9))
    made: list[CheckpointMessage] = []
    ends: list[FailedMessage] = []
    while not ends:  # a test that is scheduled too late finds the scene complete, and has it drawn once more
        made.clear()
        async for message in process.run(killed):
            if isinstance(message, CheckpointMessage):
                made.append(message)
                if process.pid is not None:
                    os.kill(process.pid, signal.SIGKILL)
            elif isinstance(message, FailedMessage):
                ends.append(message)
    last = made[-1]
    plan = CheckpointPlan(earlier=EarlierCheckpoint(scene=0, path=last.path))
    messages = await _all(process, replace(whole, folder=tmp_path / "resumed", checkpoints=plan))
    assert [(one.step, one.refusal) for one in messages if isinstance(one, ResumedMessage)] == [
        (last.step, "")
    ]
    steps = [one.step for one in messages if isinstance(one, StepMessage) and one.stage == "denoise"]
    assert steps == list(range(last.step, whole.steps + 1))
    assert isinstance(messages[-1], FinishedMessage)
    assert messages[-1].media == uninterrupted.media
