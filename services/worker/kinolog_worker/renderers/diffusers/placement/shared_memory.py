"""The memory that a model shares with the other loaded models of its process.

A model is placed as if it were alone: a model that waits for its next job never makes a scene slower. The others are
closed until there is room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kinolog.models.memory.machine import host_free_bytes
from kinolog.models.memory.needs import DrawnSize, ModelMemory
from kinolog.models.memory.placement import LADDER
from kinolog.models.memory.planner import HOST_SPARE_BYTES, MemoryFigures, PlacementPlan
from kinolog_worker.renderers.renderer import HeldMemory, OtherModels


class SharedMemory:
    """Device and host as one model sees them. `figures` returns None where they share one memory.

    `own` returns what the model itself holds.
    """

    def __init__(
        self,
        others: OtherModels,
        own: Callable[[], HeldMemory],
        figures: Callable[[], MemoryFigures | None],
    ) -> None:
        self._others = others
        self._own = own
        self._figures = figures

    def figures_alone(self) -> MemoryFigures | None:
        """Return the memory as it would be without the other models. What this process holds of a device is free."""
        figures = self._figures()
        if figures is None:
            return None
        return replace(figures, host_free=figures.host_free + self._others.held().host)

    def make_room(self, memory: ModelMemory, plan: PlacementPlan | None, size: DrawnSize | None) -> None:
        """Close other models until this one fits beside the rest: as planned, or else whole in the memory of the host.

        Without a `size` it is only loaded.
        """
        self._others.close_until(lambda held: self._fits(memory, plan, size, held))

    def close_others(self) -> bool:
        """Close all other models, as after memory ran out. Return whether there was one."""
        return self._others.close_until(lambda held: False)

    def _fits(
        self, memory: ModelMemory, plan: PlacementPlan | None, size: DrawnSize | None, held: HeldMemory
    ) -> bool:
        figures = self._figures()
        if figures is None or plan is None:
            weights = held_memory(memory, None).host
            peak = memory.need(LADDER[0], size).device_bytes if size else weights
            return self._host_suffices(weights, peak, held)
        if plan.need.device_bytes + held.device > figures.free:
            return False
        host = plan.need.host_bytes
        return not host or self._host_suffices(host, host, held)

    def _host_suffices(self, kept: int, peak: int, held: HeldMemory) -> bool:
        """Return whether the host holds a model that keeps so many bytes, and has a peak, beside what others hold."""
        if kept + held.host > self._others.host_budget:
            return False
        free = host_free_bytes()
        return not free or peak + HOST_SPARE_BYTES <= free + self._own().host


def held_memory(memory: ModelMemory, plan: PlacementPlan | None) -> HeldMemory:
    """Return what a loaded model holds between scenes, as it is placed: whole in one memory without a plan."""
    if plan is None:
        return HeldMemory(host=memory.resident_bytes(LADDER[0]))
    return HeldMemory(device=memory.resident_bytes(plan.rung), host=plan.need.host_bytes)
