"""Pipelines of real classes of diffusers, tiny, with random weights: one for each family that kinolog drives."""

import kinolog_worker.renderers.diffusers  # noqa: F401 - it keeps diffusers from importing what no test needs
