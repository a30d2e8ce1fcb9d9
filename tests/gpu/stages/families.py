"""Stage: a tiny pipeline of each family through the worker's inference process, at its default dtypes.

The same job runs on a CPU in float32 at the same time, in a process of its own. Both clips are compared as encoded
files.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import torch
from kinolog_worker.inference.process import InferenceProcess

from kinolog.models.families import families
from kinolog.models.model_index import pipeline_class
from tests.fixtures.input_files import input_files
from tests.gpu.context import OUT_OF_TIME, StageContext, error_text
from tests.gpu.stages.clip_jobs import HEIGHT, WIDTH, clip_job, frames_of, outcome
from tests.gpu.stages.figures import psnr
from tests.renderers.tiny.families import TINY_FAMILIES

FAMILY_SECONDS = 25.0
"""How long one family may take on either device."""

START_SECONDS = 60.0
"""What the first family may take beside that: its processes import torch, from a disk that is cold perhaps."""

LEAST_SECONDS = 3.0
"""A family that would get less is not started."""

NEAR_DB = 30.0
"""Rounding keeps a clip nearer to its reference than this."""

FRAMES = 9
_FRAMES_OF = {"latte": 16}
"""Latte draws clips of one length only."""


def run(context: StageContext) -> None:
    """Run one job of each family."""
    asyncio.run(_run(context))


async def _run(context: StageContext) -> None:
    unknown = set(context.families) - set(TINY_FAMILIES)
    for name in sorted(unknown):
        context.record(name, "failed", error=f"there is no such family; there are {', '.join(TINY_FAMILIES)}")
    process = InferenceProcess("cuda:0" if context.on_gpu else "cpu")
    reference = InferenceProcess("cpu") if context.on_gpu else None
    most_seconds = FAMILY_SECONDS + START_SECONDS
    try:
        for name in context.families or TINY_FAMILIES:
            if name in unknown:
                continue
            if context.seconds_left() < LEAST_SECONDS:
                context.record(name, "skipped", reason=OUT_OF_TIME)
                continue
            try:
                seconds = min(most_seconds, context.seconds_left())
                await _record_family(context, name, process, reference, seconds)
            except Exception as error:
                context.record(name, "failed", error=error_text(error))
            most_seconds = FAMILY_SECONDS
    finally:
        await process.kill()
        if reference is not None:
            await reference.kill()


async def _record_family(
    context: StageContext,
    name: str,
    process: InferenceProcess,
    reference: InferenceProcess | None,
    seconds: float,
) -> None:
    """Record the job of one family, which may take so many seconds. On a CPU it is its own reference."""
    folder = context.folder / name
    await asyncio.to_thread(TINY_FAMILIES[name], folder)
    frames = _FRAMES_OF.get(name, FRAMES)
    family = families()[str(pipeline_class(str(folder)))]
    inputs = input_files(context.folder, family, name)

    async def result(one: InferenceProcess, place: str, dtype: str = "auto") -> dict[str, Any]:
        return await outcome(
            one,
            clip_job(f"{name}-{place}", folder, context.folder, frames=frames, dtype=dtype, inputs=inputs),
            seconds,
        )

    if reference is None:
        ours = exact = await result(process, context.device)
    else:
        ours, exact = await asyncio.gather(result(process, context.device), result(reference, "reference"))
    right = ours.get("frames") == frames and ours.get("size") == f"{WIDTH}x{HEIGHT}"
    figures: dict[str, Any] = {key: value for key, value in ours.items() if key != "video"}
    if "video" in ours and "video" in exact:
        figures["psnr_db_to_reference"] = near = _distance(ours["video"], exact["video"])
        if near is not None and near < NEAR_DB:  # is it the dtype or the device?
            again = await result(process, "float32", "float32")
            if "video" in again:
                figures["psnr_db_of_float32"] = _distance(again["video"], exact["video"])
    kept = ("code", "frames", "error", "seconds")
    figures["reference"] = {key: exact[key] for key in kept if key in exact}
    context.record(name, "ok" if right else "failed", **figures)


def _distance(video: str, reference: str) -> float | None:
    ours, exact = (torch.from_numpy(frames_of(Path(path))) for path in (video, reference))
    return psnr(ours, exact, 255.0)
