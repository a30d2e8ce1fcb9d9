"""Text-to-video pipelines of diffusers. The one room of the worker that knows torch."""

from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer

__all__ = ["DiffusersRenderer"]
