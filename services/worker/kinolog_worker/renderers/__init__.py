"""Adapters of the renderer port, named by what they drive."""
