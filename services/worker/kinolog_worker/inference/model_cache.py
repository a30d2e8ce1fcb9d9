"""The models that the inference process has loaded."""

from __future__ import annotations

import gc
from collections import OrderedDict
from dataclasses import dataclass

from kinolog_worker.renderers.registry import renderer_named
from kinolog_worker.renderers.renderer import DeviceUser, LoadedFacts, ModelSource, PromptCaching, Renderer


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A renderer with its model on the device; `cached` if it was loaded before."""

    renderer: Renderer
    facts: LoadedFacts
    cached: bool


class ModelCache:
    """Holds the models used last, at most `capacity`, on one device."""

    def __init__(self, device: str, capacity: int = 1) -> None:
        self._device = device
        self._capacity = capacity
        self._models: OrderedDict[str, tuple[Renderer, LoadedFacts]] = OrderedDict()
        self._failed: Renderer | None = None
        """The renderer that could not load its model last."""

    def load(self, model: ModelSource) -> LoadedModel:
        """Return the model, loading it if it is not cached. Raises RenderFailed."""
        key = repr(model)
        if key in self._models:
            self._models.move_to_end(key)
            renderer, facts = self._models[key]
            return LoadedModel(renderer, facts, cached=True)
        while len(self._models) >= self._capacity:
            self._close(last=False)
        renderer = self._failed = renderer_named(model.renderer)
        facts = renderer.load(model, self._device)
        self._failed = None
        self._models[key] = (renderer, facts)
        return LoadedModel(renderer, facts, cached=False)

    def forget_prompts(self, unused_seconds: float) -> None:
        """Drop the prompts, in every model, that were not used for so long."""
        for renderer, _ in self._models.values():
            if isinstance(renderer, PromptCaching):
                renderer.forget_prompts(unused_seconds)

    def has_lost_device(self) -> bool:
        """Return True if a device takes no more work from this process, whichever model used it. See decision 78."""
        renderers = [self._failed, *(renderer for renderer, _ in self._models.values())]
        return any(isinstance(renderer, DeviceUser) and renderer.has_lost_device() for renderer in renderers)

    def clear(self) -> None:
        """Close all models, as after running out of memory."""
        while self._models:
            self._close(last=True)

    def _close(self, *, last: bool) -> None:
        _, (renderer, _) = self._models.popitem(last=last)
        renderer.close()
        del renderer  # the collection frees the model's memory now
        gc.collect()
