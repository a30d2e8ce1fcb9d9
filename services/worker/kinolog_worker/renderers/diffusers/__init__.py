"""Renderer for the text-to-video pipelines of diffusers. The one room of the worker that imports torch."""
