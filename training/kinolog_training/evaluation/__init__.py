"""Scores of a model, read from the pixels of its clips."""
