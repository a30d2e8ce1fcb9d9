"""Small jobs for the inference process, and what became of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import av
import numpy as np
from kinolog_worker.inference.messages import (
    FailedMessage,
    FinishedMessage,
    LoadedMessage,
    Message,
    PreviewMessage,
    RenderJob,
    StageFinishedMessage,
    StepMessage,
)
from kinolog_worker.inference.process import InferenceProcess
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.renderer import InputFile, ModelSource

from kinolog.storyboard.planner import plan_storyboard
from tests.gpu.context import ERROR_CHARACTERS

PROMPT = "a red ball moving right on a blue sky"
FPS = 8
WIDTH, HEIGHT = 128, 64
NO_PREVIEW_SECONDS = 3600.0
"""Interval of previews that is longer than any job."""


def clip_job(
    name: str,
    model: Path,
    folder: Path,
    *,
    frames: int,
    steps: int = 3,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    dtype: str = "auto",
    preview_seconds: float = NO_PREVIEW_SECONDS,
    inputs: tuple[InputFile, ...] = (),
) -> RenderJob:
    """Return a job of one scene with the model in a folder, at the dtypes that the worker chooses."""
    slug = name.replace(" ", "-")
    return RenderJob(
        job_id=slug,
        model=ModelSource(model.name, str(model), dtype=dtype),
        scenes=plan_storyboard(PROMPT, frames=frames, fps=frames, seed=11),
        width=size[0],
        height=size[1],
        fps=FPS,
        steps=steps,
        guidance=4.0,
        negative_prompt="green grass",
        folder=folder / f"job-{slug}",
        preview_interval_seconds=preview_seconds,
        inputs=inputs,
    )


async def outcome(process: InferenceProcess, job: RenderJob, seconds: float) -> dict[str, Any]:
    """Run the job as the worker does. Return what its messages say; `code` is there if it failed.

    A job that takes longer than `seconds` is ended with its process.
    """
    started = time.monotonic()
    figures: dict[str, Any] = {}
    try:
        async with asyncio.timeout(seconds), aclosing(process.run(job)) as messages:
            async for message in messages:
                figures |= _figures(message, figures)
    except TimeoutError:
        await process.kill()
        figures |= {"code": "TIMEOUT", "error": f"no end within {seconds:.0f} s"}
    except RuntimeError as error:
        figures |= {"code": "NO_PROCESS", "error": str(error)[:ERROR_CHARACTERS]}
    return {**figures, "seconds": round(time.monotonic() - started, 2)}


def _figures(message: Message, before: Mapping[str, Any]) -> dict[str, Any]:
    match message:
        case LoadedMessage(facts=facts):
            return {"dtype": facts.dtype, "load_seconds": round(facts.seconds, 2)}
        case StepMessage(stage="denoise"):
            return {"steps_reported": before.get("steps_reported", 0) + 1}
        case PreviewMessage():
            return {"previews": before.get("previews", 0) + 1}
        case StageFinishedMessage(stage=stage, seconds=seconds) if stage != "prefetch":
            return {f"{stage}_seconds": round(seconds, 3)}
        case FinishedMessage(media=media, files=files):
            video = next(file.path for file in files if file.kind == "video")
            sound = {"sound": f"{media.audio_codec} {media.audio_sample_rate}"} if media.audio_codec else {}
            return {
                "frames": media.frames,
                "size": f"{media.width}x{media.height}",
                "video": str(video),
                **sound,
            }
        case FailedMessage():
            text = f"{message.message}: {message.detail}" if message.detail else message.message
            return {"code": message.code, "retryable": message.retryable, "error": text[:ERROR_CHARACTERS]}
        case _:
            return {}


def frames_of(video: Path) -> Frames:
    """Return the frames of a video file."""
    with av.open(str(video)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
