"""Stage: the placements of the worker, with Wan 2.1 1.3B and a text encoder of 10.6 GiB, on cards of several sizes.

Each placement is measured on the whole device. What the planner chooses for smaller cards runs with a limit on this
process: the size of the card less what the CUDA context takes.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

import torch

from kinolog.models.memory.needs import ModelMemory
from kinolog.models.memory.placement import DecodeMode, WeightPlacement
from kinolog.models.memory.planner import MemoryFigures, PlacementPlan, plan_placement
from tests.gpu.context import StageContext
from tests.gpu.stages.figures import GIB, forget_peak
from tests.gpu.stages.placements import PlacedPipeline, lacks_package, memory_of_wan, size_of_clip

SIZES_GIB = (80, 48, 24, 16, 12, 8)
"""Sizes of the imitated cards, the largest first."""

HOST_GIB = 64
"""Free host memory that the planner is told."""

WHOLE = "whole device"
FIRST_RUN_SECONDS = 12.0
LATER_RUN_SECONDS = 6.0


def run(context: StageContext) -> None:
    """Plan for each card. Then run each placement on the whole device, and on the cards that it was chosen for."""
    context_bytes = _context_bytes(context)
    memory = memory_of_wan()
    plans = {size: _planned(context, memory, size, context_bytes) for size in SIZES_GIB}
    for weights in WeightPlacement:
        cards = [size for size, plan in plans.items() if plan is not None and plan.rung.weights is weights]
        if context.tiny and not cards:
            context.record(f"{weights}, {WHOLE}", "skipped", reason="no card of the rehearsal has it")
            continue
        if lacks_package(context, weights, f"{weights}, {WHOLE}"):
            continue
        _measure(context, weights, {size: plans[size] for size in cards}, context_bytes)
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


def _planned(
    context: StageContext, memory: ModelMemory, size: int, context_bytes: int
) -> PlacementPlan | None:
    """Record and return what the planner chooses for a card of this size; None if nothing fits."""
    plans: list[PlacementPlan] = []

    def plan() -> Mapping[str, Any]:
        total = size * GIB
        figures = MemoryFigures(total=total, free=total - context_bytes, host_free=HOST_GIB * GIB)
        plans.append(plan_placement(memory, size_of_clip(), figures))
        need = round(plans[0].need.device_bytes / GIB, 2)
        return {"rung": str(plans[0].rung), "estimated_gib": need, "reason": plans[0].reason}

    context.attempt(f"planned, {size} GiB", plan)
    return plans[0] if plans else None


def _measure(
    context: StageContext,
    weights: WeightPlacement,
    cards: Mapping[int, PlacementPlan | None],
    context_bytes: int,
) -> None:
    placed: list[PlacedPipeline] = []

    def first() -> Mapping[str, Any]:
        _limit(context, None)
        placed.append(PlacedPipeline(context.device, weights, tiny=context.tiny))
        return placed[0].run()

    needed = FIRST_RUN_SECONDS if context.on_gpu else 0.0
    if context.attempt(f"{weights}, {WHOLE}", first, seconds=needed) is None:
        return
    for size, plan in cards.items():
        if not context.on_gpu:
            context.record(f"{weights}, {size} GiB", "skipped", reason="memory is limited on a GPU only")
        elif plan is not None:
            _run_on_card(context, placed[0], size, plan, size * GIB - context_bytes)
    _limit(context, None)


def _run_on_card(
    context: StageContext, placed: PlacedPipeline, size: int, plan: PlacementPlan, usable: int
) -> None:
    """Record whether a card of this size holds what was planned for it."""
    name = f"{plan.rung.weights}, {size} GiB"
    if usable >= torch.cuda.mem_get_info()[1]:
        context.record(name, "skipped", reason="the device is smaller")
        return
    if plan.rung.decode is DecodeMode.TILED:
        context.record(name, "skipped", reason="the stage decodes frame by frame")
        return
    placed.decode_in(torch.float16 if plan.rung.decode is DecodeMode.HALF else torch.float32)
    _limit(context, usable)
    context.attempt(name, placed.run, seconds=LATER_RUN_SECONDS)


def _limit(context: StageContext, usable: int | None) -> None:
    """Limit the memory that this process may allocate on the device; None is all of it."""
    if context.on_gpu:
        gc.collect()
        torch.cuda.empty_cache()
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction(1.0 if usable is None else usable / total)
