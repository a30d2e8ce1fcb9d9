"""The models that the inference process holds."""

from __future__ import annotations

import gc
from collections import OrderedDict

from kinolog_worker.renderers.registry import renderer_named
from kinolog_worker.renderers.renderer import LoadedFacts, ModelSource, Renderer


class ModelCache:
    """Keeps the models used last, at most `capacity`, on one device."""

    def __init__(self, device: str, capacity: int = 1) -> None:
        self._device = device
        self._capacity = capacity
        self._held: OrderedDict[str, tuple[Renderer, LoadedFacts]] = OrderedDict()

    def take(self, model: ModelSource) -> tuple[Renderer, LoadedFacts, bool]:
        """The loaded model, its facts, and whether it was there already. Raises RenderFailed."""
        key = repr(model)
        if key in self._held:
            self._held.move_to_end(key)
            return (*self._held[key], True)
        while len(self._held) >= self._capacity:
            _, (oldest, _) = self._held.popitem(last=False)
            oldest.close()
            del oldest
            gc.collect()
        renderer = renderer_named(model.renderer)
        facts = renderer.load(model, self._device)
        self._held[key] = (renderer, facts)
        return renderer, facts, False

    def clear(self) -> None:
        """Give back all models, as after running out of memory."""
        while self._held:
            _, (renderer, _) = self._held.popitem()
            renderer.close()
        gc.collect()
