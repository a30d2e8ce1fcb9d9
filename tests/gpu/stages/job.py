"""Stage: a whole job of Wan 2.1 1.3B through the worker's inference process, with and without previews.

The text encoder is a small one: its time is that of the stage of memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from kinolog_worker.inference.process import InferenceProcess

from tests.gpu.context import OUT_OF_TIME, StageContext
from tests.gpu.stages.clip_jobs import NO_PREVIEW_SECONDS, clip_job, outcome
from tests.gpu.stages.wan_models import TEXT_WIDTH, autoencoder, clip_shape, denoiser, pipeline
from tests.renderers.tiny.text import tokenizer, umt5

STEPS = 4
PREVIEW_SECONDS = 1.0
"""The worker's own interval."""

LEAST_SECONDS = 12.0


def run(context: StageContext) -> None:
    """Write the model, then run a job that loads it, and two that find it loaded."""
    folder = context.folder / "wan-1.3b"
    if context.attempt("model", lambda: _written(context, folder)) is not None:
        asyncio.run(_run(context, folder))


def _written(context: StageContext, folder: Path) -> Mapping[str, Any]:
    """Write the pipeline as a folder of diffusers. Return its size."""
    network = denoiser(context.device, tiny=context.tiny)
    vae = autoencoder(context.device, torch.float32, tiny=context.tiny)
    pipe = pipeline(network, vae, umt5(TEXT_WIDTH), tokenizer(longest=clip_shape(tiny=context.tiny).tokens))
    pipe.save_pretrained(folder, safe_serialization=True)
    return {"bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())}


async def _run(context: StageContext, folder: Path) -> None:
    shape = clip_shape(tiny=context.tiny)
    process = InferenceProcess("cuda:0" if context.on_gpu else "cpu")
    try:
        for name, interval in (
            ("first job", NO_PREVIEW_SECONDS),
            ("loaded, without previews", NO_PREVIEW_SECONDS),
            ("loaded, a preview every second", PREVIEW_SECONDS),
        ):
            if context.on_gpu and context.seconds_left() < LEAST_SECONDS:
                context.record(name, "skipped", reason=OUT_OF_TIME)
                continue
            job = clip_job(
                name,
                folder,
                context.folder,
                frames=shape.frames,
                steps=STEPS,
                size=(shape.width, shape.height),
                preview_seconds=interval,
            )
            result = await outcome(process, job, context.seconds_left())
            result.pop("video", None)
            context.record(name, "failed" if "code" in result else "ok", **result)
    finally:
        await process.kill()
