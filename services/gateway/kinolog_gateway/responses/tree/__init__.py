"""Responses about the tree over all commits."""
