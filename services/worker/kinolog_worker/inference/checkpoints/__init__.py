"""Checkpoints of the scene that the inference process renders."""
