"""Conversion between the domain and its proto messages."""
