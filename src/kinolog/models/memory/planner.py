"""Which rung of the ladder a device holds: the first one that fits (decision 84). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from kinolog.models.memory.needs import GIB, DrawnSize, ModelMemory, Phase, RungNeed
from kinolog.models.memory.placement import LADDER, Rung
from kinolog.ports.workers import SURE_SHARE

HOST_SPARE_BYTES = 2 * GIB
"""Host memory that is left to others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFigures:
    """Memory of a machine in bytes: all of the device, what is free there for the model, and what the host has free."""

    total: int
    free: int
    host_free: int


FailedRung: TypeAlias = tuple[Rung, Phase]
"""A rung, and the phase in which memory ran out with it."""


class DoesNotFit(Exception):
    """No rung fits. `needed_bytes` is what the smallest one needs of the device. The message is for people.

    `others_hold_it`: a rung would fit if the whole device were free.
    """

    def __init__(self, message: str, *, needed_bytes: int, others_hold_it: bool) -> None:
        super().__init__(message)
        self.message = message
        self.needed_bytes = needed_bytes
        self.others_hold_it = others_hold_it


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementPlan:
    """The chosen rung, what it needs, and why it was chosen."""

    rung: Rung
    need: RungNeed
    reason: str


def plan_placement(
    memory: ModelMemory,
    size: DrawnSize,
    figures: MemoryFigures,
    rungs: Iterable[Rung] = LADDER,
    *,
    stated: bool = False,
    failed: Collection[FailedRung] = (),
) -> PlacementPlan:
    """Return the first of the rungs that fits the device and the host. `failed` are those that ran out of memory.

    A rung that failed shows that estimates are too low: of the others, only those are left that need less in the phase
    in which it failed. Rungs that an entry has `stated` are tried whatever they need. If none fits, the smallest one is
    tried if it would fit with a fifth less. Raises DoesNotFit.
    """
    needs = {rung: memory.need(rung, size) for rung in rungs if memory.has(rung)}
    ceilings = [(phase, memory.need(rung, size).peaks[phase]) for rung, phase in failed]
    left = {
        rung: need
        for rung, need in needs.items()
        if all(need.peaks[phase] < ceiling for phase, ceiling in ceilings)
    }
    passed: list[tuple[Rung, RungNeed]] = []
    for rung, need in left.items():
        if _lack(need, figures) and not stated:
            passed.append((rung, need))
            continue
        reason = _reason(rung, need, figures, passed, stated=stated, failed=bool(failed))
        return PlacementPlan(rung=rung, need=need, reason=reason)
    if (nearly := _nearly_fitting(left, figures)) and not failed:
        return nearly
    raise _does_not_fit(needs, size, figures, failed=bool(failed))


def _nearly_fitting(needs: Mapping[Rung, RungNeed], figures: MemoryFigures) -> PlacementPlan | None:
    """Return the smallest rung if it may fit because estimates are not exact."""
    possible = {
        rung: need
        for rung, need in needs.items()
        if need.device_bytes * SURE_SHARE <= figures.free and not lacks_host(need, figures)
    }
    if not possible:
        return None
    rung, need = min(possible.items(), key=lambda item: item[1].device_bytes)
    reason = (
        f"{rung.words}; needs about {gib(need.device_bytes)} of {gib(figures.free)}, which may not be enough"
    )
    return PlacementPlan(rung=rung, need=need, reason=reason)


def lacks_host(need: RungNeed, figures: MemoryFigures) -> bool:
    """Return whether the host has not the free memory that a rung needs."""
    return bool(need.host_bytes) and need.host_bytes + HOST_SPARE_BYTES > figures.host_free


def gib(count: float) -> str:
    """Return bytes as text, such as `24.5 GiB`."""
    return f"{count / GIB:.1f} GiB"


def _lack(need: RungNeed, figures: MemoryFigures) -> str:
    """Return what a rung lacks; empty if it fits."""
    if need.device_bytes > figures.free:
        return f"{gib(need.device_bytes)} of the device"
    if lacks_host(need, figures):
        return f"{gib(need.host_bytes + HOST_SPARE_BYTES)} of free host memory"
    return ""


def _reason(
    rung: Rung,
    need: RungNeed,
    figures: MemoryFigures,
    passed: list[tuple[Rung, RungNeed]],
    *,
    stated: bool,
    failed: bool,
) -> str:
    fits = f"{rung.words}; needs about {gib(need.device_bytes)} of {gib(figures.free)}"
    if stated:
        lack = _lack(need, figures)
        return f"{fits}; its entry names it" + (
            f", though it may lack memory: it needs {lack}" if lack else ""
        )
    why = "; memory ran out before" if failed else ""
    if passed:
        first, first_need = passed[0]
        why += f"; {first} would need {_lack(first_need, figures)}"
    return f"{fits}{why}"


def _does_not_fit(
    needs: dict[Rung, RungNeed], size: DrawnSize, figures: MemoryFigures, *, failed: bool
) -> DoesNotFit:
    least = min(needs.values(), key=lambda need: need.device_bytes)
    needed = least.device_bytes
    if failed:
        needed = max(needed, figures.free)
        text = f"{size} need more than the {gib(figures.free)} of device memory that are free"
    elif needed > figures.free:
        text = f"{size} need about {gib(needed)} of device memory, and {gib(figures.free)} are free"
    else:
        text = (
            f"{size} need {gib(least.host_bytes + HOST_SPARE_BYTES)} of free host memory with "
            f"{gib(needed)} of device memory, and {gib(figures.host_free)} are free"
        )
    return DoesNotFit(
        text, needed_bytes=needed, others_hold_it=needed <= figures.total and needed > figures.free
    )
