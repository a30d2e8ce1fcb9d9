"""Stage: which placements of Wan 2.1 1.3B with a text encoder of 10.6 GiB fit on cards of several sizes.

A smaller card is imitated by a limit on this process: its size less what the CUDA context takes.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from tests.gpu.context import StageContext
from tests.gpu.stages.figures import GIB, forget_peak
from tests.gpu.stages.placements import PLACEMENTS, PlacedPipeline, Placement
from tests.gpu.stages.wan_models import clip_shape

SIZES_GIB = (48, 24, 16, 12, 8)
"""Sizes of the imitated cards, the largest first."""

WHOLE = "whole device"
FIRST_RUN_SECONDS = 12.0
LATER_RUN_SECONDS = 6.0


def run(context: StageContext) -> None:
    """Run each placement on the whole device, then on smaller ones until one does not hold it."""
    context_bytes = _context_bytes(context)
    for placement in PLACEMENTS:
        if placement.needs_gpu and not context.on_gpu:
            context.record(f"{placement.name}, {WHOLE}", "skipped", reason="needs a GPU")
            continue
        _measure(context, placement, context_bytes)
        gc.collect()
        forget_peak(context.device)


def _context_bytes(context: StageContext) -> int:
    """Return what the CUDA context and other processes take of the device."""
    if not context.on_gpu:
        return 0
    torch.zeros(1, device=context.device)
    free, total = torch.cuda.mem_get_info()
    taken = total - free - torch.cuda.memory_reserved()
    context.record("context", taken_gib=round(taken / GIB, 2), total_gib=round(total / GIB, 2))
    return taken


def _measure(context: StageContext, placement: Placement, context_bytes: int) -> None:
    placed: list[PlacedPipeline] = []

    def first() -> Mapping[str, Any]:
        _limit(context, None)
        placed.append(placement.kind(context.device, clip_shape(tiny=context.tiny), tiny=context.tiny))
        return placed[0].run()

    needed = FIRST_RUN_SECONDS if context.on_gpu else 0.0
    figures = context.attempt(f"{placement.name}, {WHOLE}", first, seconds=needed)
    if figures is None:
        return
    if not context.on_gpu:
        context.record(f"{placement.name}, limited", "skipped", reason="memory is limited on a GPU only")
        return
    for size in SIZES_GIB:
        figures = _on_card(context, placement.name, placed[0], size, size * GIB - context_bytes, figures)
        if figures is None:
            break
    _limit(context, None)


def _on_card(
    context: StageContext,
    placement: str,
    placed: PlacedPipeline,
    size: int,
    usable: int,
    figures: Mapping[str, Any],
) -> Mapping[str, Any] | None:
    """Record whether a card of this size holds the pipeline. Return the figures of the last run, None if it does not.

    `figures` are those of the run on the next larger card. If decoding in float32 does not fit, float16 is tried.
    """
    name = f"{placement}, {size} GiB"
    if usable >= torch.cuda.mem_get_info()[1]:
        context.record(name, "skipped", reason="the device is smaller")
        return figures
    if figures["peak_reserved_gib"] * GIB <= usable:
        context.record(name, follows_from="its peak on a larger device", decode_dtype=figures["decode_dtype"])
        return figures
    _limit(context, usable)
    found = context.attempt(name, placed.run, seconds=LATER_RUN_SECONDS)
    if found is None and placed.phase == "decode" and figures["decode_dtype"] == "float32":
        _limit(context, usable)
        found = context.attempt(name, partial(_with_float16, placed), seconds=LATER_RUN_SECONDS)
    return found


def _with_float16(placed: PlacedPipeline) -> Mapping[str, Any]:
    placed.decode_in(torch.float16)
    return placed.run()


def _limit(context: StageContext, usable: int | None) -> None:
    """Limit the memory that this process may allocate on the device; None is all of it."""
    if context.on_gpu:
        gc.collect()
        torch.cuda.empty_cache()
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction(1.0 if usable is None else usable / total)
