"""Renderer for the text-to-video pipelines of diffusers. The one room of the worker that imports torch."""

from kinolog_worker.renderers.diffusers.quantisation.packages import postpone_imports

postpone_imports()
