"""Stage: which placements of Wan 2.1 1.3B with a text encoder of 10.6 GiB fit on cards of several sizes.

A smaller card is imitated by a limit on this process: its size less what the CUDA context takes.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

import torch

from tests.gpu.context import StageContext
from tests.gpu.figures import GIB, forget_peak
from tests.gpu.placements import PLACEMENTS, PlacedPipeline, Placement
from tests.gpu.wan_models import clip_shape

SIZES_GIB = (48, 24, 16, 8)
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
        name = f"{placement.name}, {size} GiB"
        usable = size * GIB - context_bytes
        if usable >= torch.cuda.mem_get_info()[1]:
            context.record(name, "skipped", reason="the device is smaller")
        elif figures["peak_reserved_gib"] * GIB <= usable:
            context.record(
                name, follows_from="its peak on a larger device", usable_gib=round(usable / GIB, 2)
            )
        else:
            _limit(context, usable)
            limited = context.attempt(name, placed[0].run, seconds=LATER_RUN_SECONDS)
            if limited is None:
                break
            figures = limited
    _limit(context, None)


def _limit(context: StageContext, usable: int | None) -> None:
    """Limit the memory that this process may allocate on the device; None is all of it."""
    if context.on_gpu:
        gc.collect()
        torch.cuda.empty_cache()
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction(1.0 if usable is None else usable / total)
