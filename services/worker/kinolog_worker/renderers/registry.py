"""Renderers by the name of their entry point in the group `kinolog.renderers`."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from kinolog.models.renderers import RENDERER_GROUP, installed_renderers
from kinolog.process.gc_tuning import without_collection
from kinolog_worker.renderers.renderer import Renderer, RenderFailed


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
