"""A model and its place on the device: loaded as its ladder plans, and again when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter
from typing import Any

import torch

from kinolog.models.memory.needs import DrawnSize, Phase
from kinolog.models.memory.placement import AUTO, QUANTISING_PACKAGES, WeightPlacement
from kinolog.models.memory.planner import DoesNotFit, MemoryFigures
from kinolog_worker.renderers.diffusers.content_hash import revision_of
from kinolog_worker.renderers.diffusers.pipeline_loader import CheckedModel, facts_of, load_pipeline
from kinolog_worker.renderers.diffusers.placement.decode_switch import DecodeSwitch
from kinolog_worker.renderers.diffusers.placement.ladder import FailedRungs, MemoryLadder
from kinolog_worker.renderers.diffusers.placement.out_of_memory import (
    HalfOverflow,
    is_out_of_memory,
    release_frames,
    release_memory,
)
from kinolog_worker.renderers.diffusers.placement.shared_memory import SharedMemory, held_memory
from kinolog_worker.renderers.diffusers.placement.stated_placement import check_placement
from kinolog_worker.renderers.diffusers.quantisation.packages import package_version
from kinolog_worker.renderers.renderer import HeldMemory, LoadedFacts, OtherModels, RenderFailed

logger = logging.getLogger(__name__)

_TOO_SMALL_HALF = "float16 is too small for the numbers of this autoencoder"


class PlacedModel:
    """Loads one model onto its device, in the placement that fits."""

    def __init__(
        self,
        checked: CheckedModel,
        figures: Callable[[torch.device], MemoryFigures | None],
        failed: FailedRungs,
        others: OtherModels,
        own: Callable[[], HeldMemory],
    ) -> None:
        """`own` returns what the pipeline of this model holds, if it is loaded. Raises RenderFailed."""
        self.checked = checked
        self._facts: LoadedFacts | None = None
        self._switch = DecodeSwitch(None, always_tiles=False)
        self._size = self._native_size()
        self._memory = checked.memory
        placement = str(checked.model.options.get("placement", AUTO))
        if figures(checked.device) is not None:
            check_placement(checked, self._memory, placement)
        self._shared = SharedMemory(others, own, lambda: figures(checked.device))
        self._ladder = MemoryLadder(
            repr(checked.model),
            self._memory,
            self._shared.figures_alone,
            failed,
            placement,
        )
        self._ladder.begin(self._size)

    @property
    def facts(self) -> LoadedFacts:
        """The facts as they are now."""
        if self._facts is None:
            raise RuntimeError("the model is not loaded")
        plan = self._ladder.plan
        package = QUANTISING_PACKAGES.get(self._ladder.weights)
        quantised_by = {package: package_version(package)} if package else {}
        return replace(
            self._facts,
            libraries={**self._facts.libraries, **quantised_by},
            placement=str(plan.rung) if plan else str(self._ladder.weights),
            placement_reason=plan.reason if plan else "",
        )

    @property
    def held_memory(self) -> HeldMemory:
        """What the loaded pipeline holds between scenes."""
        return held_memory(self._memory, self._ladder.plan)

    def load(self) -> Any:
        """Return the pipeline in its planned placement, or in one that needs less. Raises RenderFailed."""
        if self._facts is not None:
            return self._load()
        started = perf_counter()
        with ThreadPoolExecutor(1) as thread:
            revision = thread.submit(revision_of, self.checked.folder, weights=self.checked.model.weights)
            pipe = self._load()
            self._facts = facts_of(self.checked, pipe, revision.result(), perf_counter() - started)
        return pipe

    def _load(self) -> Any:
        while True:
            self._shared.make_room(self._memory, self._ladder.plan, None)
            try:
                pipe = load_pipeline(self.checked, self._ladder.weights)
                break
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                release_frames(error)
            release_memory()
            self.descend(self._size, Phase.ENCODE)  # which has all weights that are on the device
        vae = getattr(pipe, "vae", None)
        made_for_tiles = bool(getattr(vae, "use_tiling", False))  # as that of MiniMax-H3 is
        self._switch = DecodeSwitch(vae, always_tiles=self.checked.family.tiling or made_for_tiles)
        self._switch_decode()
        return pipe

    def set_adapter_bytes(self, adapter_bytes: int) -> None:
        """Count so many bytes of LoRAs beside the weights, for the scenes that follow."""
        self._memory = replace(self._memory, adapter_bytes=adapter_bytes)
        self._ladder.set_adapter_bytes(adapter_bytes)

    def fit(self, size: DrawnSize) -> bool:
        """Plan for a scene. Return whether the pipeline has to be loaded again for it. Raises RenderFailed."""
        self._size = size
        try:
            moved = self._ladder.fit(size)
        except DoesNotFit as refused:
            raise _failure("MEMORY_TOO_SMALL", self.checked.model.name, refused) from None
        self._shared.make_room(self._memory, self._ladder.plan, size)
        self._follow(moved)
        return moved

    def descend(self, size: DrawnSize, phase: Phase, *, overflow: bool = False) -> bool:
        """Plan for less memory than ran out in a phase, or without float16. Return what `fit` returns.

        Other models are closed first, which may be enough. Raises RenderFailed.
        """
        ladder = self._ladder
        if not overflow and self._shared.close_others():
            logger.warning("memory ran out; the other loaded models were closed")
            moved = ladder.weights is not WeightPlacement.DEVICE and phase is not Phase.DECODE
            self._follow(moved)
            return moved
        if ladder.plan is None:
            raise RenderFailed(
                "OUT_OF_MEMORY", "the device's memory was not enough for this scene", retryable=True
            )
        before = ladder.plan.rung
        try:
            moved = ladder.without_half(size) if overflow else ladder.descend(size, phase)
        except DoesNotFit as refused:
            raise _failure("OUT_OF_MEMORY", self.checked.model.name, refused) from None
        # A network that was copied to the device in parts is not whole after an error within it.
        moved = moved or (before.weights is not WeightPlacement.DEVICE and phase is not Phase.DECODE)
        logger.warning(
            "%s with %s; now %s",
            _TOO_SMALL_HALF if overflow else "memory ran out",
            before,
            ladder.plan.rung,
        )
        self._follow(moved)
        return moved

    def lower_decode(self, error: BaseException) -> bool:
        """Decode in another way after this error, if there is one for the scene that was planned last."""
        overflow = isinstance(error, HalfOverflow)
        if not overflow and self._shared.close_others():
            logger.warning("memory ran out as frames were decoded; the other loaded models were closed")
            return True
        if self._ladder.plan is None:
            return False
        release_memory()
        if not self._ladder.descend_in_decode(self._size, overflow=overflow):
            return False
        logger.warning(
            "%s as frames were decoded; now %s",
            _TOO_SMALL_HALF if overflow else "memory ran out",
            self._ladder.plan.rung,
        )
        self._switch_decode()
        return True

    def let_go(self) -> None:
        """Keep nothing of the pipeline, which is loaded again."""
        self._follow(moved=True)

    def _follow(self, moved: bool) -> None:
        """Decode as planned, or let go of a pipeline that is loaded again."""
        if moved:
            self._switch = DecodeSwitch(None, always_tiles=False)
        else:
            self._switch_decode()

    def _switch_decode(self) -> None:
        self._switch.switch(self._ladder.decode, may_halve=self._ladder.may_halve)

    def _native_size(self) -> DrawnSize:
        native = self.checked.family.native
        if native is None:
            return DrawnSize(width=16, height=16, frames=1)
        return DrawnSize(width=native.width, height=native.height, frames=native.frames)


def _failure(code: str, model: str, refused: DoesNotFit) -> RenderFailed:
    """Return the failure of a scene that does not fit. Another attempt may fit if others leave the device."""
    hint = "; other processes use the device" if refused.others_hold_it else ""
    return RenderFailed(code, f"{model}: {refused.message}{hint}", retryable=refused.others_hold_it)
