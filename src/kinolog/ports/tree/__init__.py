"""Ports of the tree over all commits."""
