"""Renderers by the name of their entry point in the group `kinolog.renderers`."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from kinolog.models.renderers import DEFAULT_RENDERER, RENDERER_GROUP, installed_renderers
from kinolog.process.gc_tuning import without_collection
from kinolog_worker.renderers.file_renderer import FileRenderer
from kinolog_worker.renderers.renderer import Renderer, RenderFailed
from kinolog_worker.renderers.upscaler import Upscaler, UpscalerLoader, UpscalerSource


def renderer_named(name: str) -> Renderer:
    """Return a new renderer of frames, of the class that the entry point names.

    Raises `RenderFailed` with `RENDERER_NOT_FOUND` if no such renderer is installed, or if its import or its
    constructor fails, and with `RENDERER_UNSUITABLE` if it delivers files.
    """
    renderer = _renderer_object(name)
    if hasattr(renderer, "render_file"):
        raise _unsuitable(f"the renderer {name} delivers files: state concurrency in the entry of the model")
    return cast(Renderer, renderer)


def file_renderer_named(name: str) -> FileRenderer:
    """Return a new renderer of files, of the class that the entry point names. Raises as `renderer_named` does."""
    renderer = _renderer_object(name)
    if not hasattr(renderer, "render_file"):
        problem = f"the renderer {name} draws frames: leave concurrency out of the entry of the model"
        raise _unsuitable(problem)
    return cast(FileRenderer, renderer)


def _unsuitable(problem: str) -> RenderFailed:
    return RenderFailed("RENDERER_UNSUITABLE", problem, retryable=False)


def _renderer_object(name: str) -> object:
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
            renderer: object = found[0].load()()
    except Exception as error:  # a renderer of another package may fail in any way
        raise RenderFailed(
            "RENDERER_NOT_FOUND",
            f"the renderer {name} ({found[0].value}) cannot be loaded: {type(error).__name__}: {error}. "
            "Reinstall or repair its package",
            retryable=False,
        ) from error
    return renderer


def load_upscaler(source: UpscalerSource, device: str) -> Upscaler:
    """Return an upscaler, whatever renderer draws: those of the default renderer's package. Raises `RenderFailed`."""
    loader = renderer_named(DEFAULT_RENDERER)
    if not isinstance(loader, UpscalerLoader):
        problem = f"the renderer {DEFAULT_RENDERER} has no upscalers. Install kinolog[worker] of this version"
        raise RenderFailed("RENDERER_NOT_FOUND", problem, retryable=False)
    return loader.load_upscaler(source, device)
