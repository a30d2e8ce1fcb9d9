"""The models that the inference process holds."""

from __future__ import annotations

import gc
from collections import OrderedDict
from importlib import import_module
from typing import cast

from kinolog_worker.renderers.port import LoadedFacts, ModelSource, Renderer, RenderFailed


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


def renderer_named(name: str) -> Renderer:
    """A new renderer of the class `module:Class`. Raises RenderFailed when there is none."""
    module_name, _, class_name = name.partition(":")
    try:
        made = getattr(import_module(module_name), class_name)()
    except (ImportError, AttributeError, ValueError) as error:
        raise RenderFailed(
            "RENDERER_NOT_FOUND", f"the renderer {name} cannot be used: {error}", retryable=False
        ) from error
    return cast(Renderer, made)
