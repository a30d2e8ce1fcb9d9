"""Renderers by the name of their entry point in the group `kinolog.renderers`."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from kinolog.models.renderers import DEFAULT_RENDERER, RENDERER_GROUP, installed_renderers
from kinolog.process.gc_tuning import without_collection
from kinolog_worker.renderers.renderer import Renderer, RenderFailed
from kinolog_worker.renderers.upscaler import Upscaler, UpscalerLoader, UpscalerSource


def renderer_named(name: str) -> Renderer:
    """Return a new renderer of the class that the entry point names.

    Raises `RenderFailed` with `RENDERER_NOT_FOUND` if no such renderer is installed, or if its import or its
    constructor fails.
    """
    found = tuple(entry_points(group=RENDERER_GROUP, name=name))
    if not found:
        installed = ", ".join(installed_renderers()) or "none"
        raise RenderFailed(
            "RENDERER_NOT_FOUND",
            f"there is no renderer {name}; installed are: {installed}. Install the package that has the entry "
            f"point {name} in the group {RENDERER_GROUP} on this worker",
            retryable=False,
        )
    try:
        with without_collection():
            renderer = found[0].load()()
    except Exception as error:  # a renderer of another package may fail in any way
        raise RenderFailed(
            "RENDERER_NOT_FOUND",
            f"the renderer {name} ({found[0].value}) cannot be loaded: {type(error).__name__}: {error}. "
            "Reinstall or repair its package",
            retryable=False,
        ) from error
    return cast(Renderer, renderer)


def load_upscaler(source: UpscalerSource, device: str) -> Upscaler:
    """Return an upscaler, whatever renderer draws: those of the default renderer's package. Raises `RenderFailed`."""
    loader = renderer_named(DEFAULT_RENDERER)
    if not isinstance(loader, UpscalerLoader):
        problem = f"the renderer {DEFAULT_RENDERER} has no upscalers. Install kinolog[worker] of this version"
        raise RenderFailed("RENDERER_NOT_FOUND", problem, retryable=False)
    return loader.load_upscaler(source, device)
