"""The models that the inference process has loaded."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kinolog_worker.renderers.registry import load_upscaler, renderer_named
from kinolog_worker.renderers.renderer import (
    DeviceUser,
    HeldMemory,
    LoadedFacts,
    LoraSource,
    LoraUser,
    MemorySharer,
    ModelSource,
    PromptCaching,
    Renderer,
    RenderFailed,
)
from kinolog_worker.renderers.upscaler import Upscaler, UpscalerSource


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A renderer with its model on the device; `cached` if it was loaded before."""

    renderer: Renderer
    facts: LoadedFacts
    cached: bool


class ModelCache:
    """Holds the models used last on one device: those that fit beside the one that is used. See docs/memory.md.

    `host_budget` is how many bytes of host memory they may hold together; with 0 there is one model at most. The
    model that is used may hold more.
    """

    def __init__(self, device: str, host_budget: int = 0) -> None:
        self._device = device
        self.host_budget = host_budget
        self.on_change: Callable[[tuple[str, ...]], None] = lambda names: None
        """Called with the names of the loaded models, the one used last first, when they change."""
        self._models: OrderedDict[str, tuple[str, Renderer, LoadedFacts]] = OrderedDict()
        self._failed: Renderer | None = None
        """The renderer that could not load its model last."""
        self._upscaler: tuple[UpscalerSource, Upscaler] | None = None
        """The upscaler that was used last, in the memory of the host."""

    def load_with(self, model: ModelSource, loras: Sequence[LoraSource]) -> LoadedModel:
        """Return the model, which these LoRAs change, and no others. Raises RenderFailed."""
        loaded = self.load(model)
        if not isinstance(loaded.renderer, LoraUser):
            if loras:
                problem = f"the renderer {model.renderer} of {model.name} takes no LoRA"
                raise RenderFailed("LORAS_UNSUPPORTED", problem, retryable=False)
            return loaded
        return replace(loaded, facts=replace(loaded.facts, loras=loaded.renderer.use_loras(loras)))

    def load(self, model: ModelSource) -> LoadedModel:
        """Return the model, loading it if it is not cached. Raises RenderFailed."""
        key = repr(model)
        if key in self._models:
            self._models.move_to_end(key)
            _, renderer, facts = self._models[key]
            self._report()
            return LoadedModel(renderer, facts, cached=True)
        renderer = self._failed = renderer_named(model.renderer)
        if self.host_budget and isinstance(renderer, MemorySharer):
            renderer.share_memory(_ModelsBeside(self, renderer))
            self._close_unmeasured()
        else:
            self.clear()
        facts = renderer.load(model, self._device)
        self._failed = None
        self._models[key] = (model.name, renderer, facts)
        self._report()
        return LoadedModel(renderer, facts, cached=False)

    def upscaler(self, source: UpscalerSource) -> Upscaler:
        """Return an upscaler, loading it unless it was the last one. Raises RenderFailed."""
        if self._upscaler is None or self._upscaler[0] != source:
            self._upscaler = None
            self._upscaler = (source, load_upscaler(source, self._device))
        return self._upscaler[1]

    def forget_prompts(self, unused_seconds: float) -> None:
        """Drop the prompts, in every model, that were not used for so long."""
        for renderer in self._renderers():
            if isinstance(renderer, PromptCaching):
                renderer.forget_prompts(unused_seconds)

    def has_lost_device(self) -> bool:
        """Return True if a device takes no more work from this process, whichever model used it. See decision 78."""
        renderers = [self._failed, *self._renderers()]
        return any(isinstance(renderer, DeviceUser) and renderer.has_lost_device() for renderer in renderers)

    def clear(self) -> None:
        """Close all models, as after running out of memory."""
        self._upscaler = None
        for key in list(self._models):
            self._close(key)

    def held_beside(self, user: Renderer) -> HeldMemory:
        """Return what the models of other renderers hold."""
        held = HeldMemory()
        for renderer in self._renderers():
            if renderer is not user and isinstance(renderer, MemorySharer):
                held += renderer.held_memory()
        return held

    def close_oldest_beside(self, user: Renderer) -> bool:
        """Close the model of another renderer that was used longest ago. Return False if there is none."""
        oldest = next((key for key, (_, renderer, _) in self._models.items() if renderer is not user), None)
        if oldest is not None:
            self._close(oldest)
        return oldest is not None

    def _renderers(self) -> list[Renderer]:
        return [renderer for _, renderer, _ in self._models.values()]

    def _close_unmeasured(self) -> None:
        """Close the models of which nobody knows what they hold."""
        unmeasured = [
            key for key, (_, renderer, _) in self._models.items() if not isinstance(renderer, MemorySharer)
        ]
        for key in unmeasured:
            self._close(key)

    def _close(self, key: str) -> None:
        _, renderer, _ = self._models.pop(key)
        renderer.close()
        del renderer  # the collection frees the model's memory now
        gc.collect()
        self._report()

    def _report(self) -> None:
        self.on_change(tuple(dict.fromkeys(name for name, _, _ in reversed(self._models.values()))))


class _ModelsBeside:
    """The models of a cache beside that of one renderer."""

    def __init__(self, cache: ModelCache, user: Renderer) -> None:
        self._cache = cache
        self._user = user

    @property
    def host_budget(self) -> int:
        return self._cache.host_budget

    def held(self) -> HeldMemory:
        return self._cache.held_beside(self._user)

    def close_until(self, suffices: Callable[[HeldMemory], bool]) -> bool:
        closed = False
        while not suffices(self.held()) and self._cache.close_oldest_beside(self._user):
            closed = True
        return closed
