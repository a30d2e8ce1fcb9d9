"""Checks of `kinolog doctor` about one part."""
