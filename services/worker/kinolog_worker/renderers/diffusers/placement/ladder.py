"""The ladder of one loaded model: which rung it is on, and the next one when memory runs out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import replace

from kinolog.models.memory.needs import DrawnSize, ModelMemory, Phase
from kinolog.models.memory.placement import (
    AUTO,
    LADDER,
    DecodeMode,
    Rung,
    WeightPlacement,
    ladder_of,
    stated_placement,
)
from kinolog.models.memory.planner import (
    DoesNotFit,
    FailedRung,
    MemoryFigures,
    PlacementPlan,
    lacks_host,
    plan_placement,
)

_DOWNWARDS = tuple(dict.fromkeys(rung.weights for rung in LADDER))
"""Placements of `auto`. A loaded pipeline goes down only: the way up would load it again."""


class FailedRungs:
    """The rungs that ran out of memory in this process, by model and size."""

    def __init__(self) -> None:
        self._failed: defaultdict[str, set[tuple[FailedRung, int]]] = defaultdict(set)

    def add(self, model: str, failed: FailedRung, size: DrawnSize) -> None:
        """Note that a model ran out of memory on a rung."""
        self._failed[model].add((failed, size.pixels * size.frames))

    def of(self, model: str, size: DrawnSize) -> frozenset[FailedRung]:
        """Return the rungs that failed with a scene of this size or a smaller one."""
        volume = size.pixels * size.frames
        return frozenset(rung for rung, failed in self._failed[model] if failed <= volume)


class MemoryLadder:
    """Plans the rungs of one model on one device. `figures` returns the memory at that moment, None if it is shared.

    `model` names what is remembered together in `failed`.
    """

    def __init__(
        self,
        model: str,
        memory: ModelMemory,
        figures: Callable[[], MemoryFigures | None],
        failed: FailedRungs,
        placement: str = AUTO,
    ) -> None:
        self._model = model
        self._memory = memory
        self._figures = figures
        self._failed = failed
        self._rungs = ladder_of(placement)
        self._stated = stated_placement(placement) is not None
        self.plan: PlacementPlan | None = None
        """The plan that the pipeline follows; None where everything is on the device."""

    @property
    def weights(self) -> WeightPlacement:
        """Where the weights are."""
        return self.plan.rung.weights if self.plan else WeightPlacement.DEVICE

    @property
    def decode(self) -> DecodeMode:
        """How frames are decoded."""
        return self.plan.rung.decode if self.plan else DecodeMode.FULL

    @property
    def may_halve(self) -> bool:
        """Whether frames may be decoded in float16."""
        return self._memory.may_halve

    def set_adapter_bytes(self, adapter_bytes: int) -> None:
        """Count so many bytes of LoRAs from the next plan on."""
        self._memory = replace(self._memory, adapter_bytes=adapter_bytes)

    def begin(self, size: DrawnSize) -> None:
        """Plan for a pipeline that is not loaded yet, and for scenes of this size.

        The one that needs least is taken if none fits: smaller scenes may fit.
        """
        self.plan = None
        figures = self._figures()
        if figures is None:
            return
        try:
            self.plan = self._planned(size, figures, self._rungs)
        except DoesNotFit:
            needs = {rung: self._memory.need(rung, size) for rung in self._rungs if self._memory.has(rung)}
            held = [rung for rung in needs if not lacks_host(needs[rung], figures)]
            least = min(held or needs, key=lambda rung: needs[rung].device_bytes)
            reason = f"{least.words}; {size} may not fit"
            self.plan = PlacementPlan(rung=least, need=needs[least], reason=reason)

    def fit(self, size: DrawnSize) -> bool:
        """Plan for a scene of this size. Return whether the weights have to be placed in another way for it.

        Raises DoesNotFit.
        """
        figures = self._figures_without_model()
        if figures is None or self.plan is None:
            return False
        before = self.weights
        self.plan = self._planned(size, figures, self._rungs_below())
        return self.weights is not before

    def descend(self, size: DrawnSize, phase: Phase) -> bool:
        """Note that memory ran out in a phase, and plan again. Return what `fit` returns. Raises DoesNotFit."""
        if self.plan is not None:
            self._failed.add(self._model, (self.plan.rung, phase), size)
        return self.fit(size)

    def without_half(self, size: DrawnSize) -> bool:
        """Plan again, and decode this model in float16 no more. Return what `fit` returns. Raises DoesNotFit."""
        self._memory = replace(self._memory, may_halve=False)
        return self.fit(size)

    def descend_in_decode(self, size: DrawnSize, *, overflow: bool = False) -> bool:
        """Note that memory ran out, or float16, as frames were decoded. Return whether another way of it is left.

        The weights stay where they are.
        """
        figures = self._figures_without_model()
        if figures is None or self.plan is None:
            return False
        if overflow:
            self._memory = replace(self._memory, may_halve=False)
        else:
            self._failed.add(self._model, (self.plan.rung, Phase.DECODE), size)
        rungs = [rung for rung in self._rungs if rung.weights is self.weights]
        try:
            self.plan = self._planned(size, figures, rungs)
        except DoesNotFit:
            return False
        return True

    def _figures_without_model(self) -> MemoryFigures | None:
        """Return the memory as it would be without the weights that the model keeps on the host."""
        figures = self._figures()
        if figures is None or self.plan is None:
            return figures
        return replace(figures, host_free=figures.host_free + self.plan.need.host_bytes)

    def _rungs_below(self) -> list[Rung]:
        if self._stated:
            return list(self._rungs)
        depth = _DOWNWARDS.index(self.weights)
        return [rung for rung in self._rungs if _DOWNWARDS.index(rung.weights) >= depth]

    def _planned(self, size: DrawnSize, figures: MemoryFigures, rungs: Collection[Rung]) -> PlacementPlan:
        return plan_placement(
            self._memory,
            size,
            figures,
            rungs,
            stated=self._stated,
            failed=self._failed.of(self._model, size),
        )
