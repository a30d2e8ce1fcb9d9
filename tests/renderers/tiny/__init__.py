"""Pipelines of real classes of diffusers, tiny, with random weights: one for each family that kinolog drives."""
