"""Compares the video of a reproduction with that of its original."""
