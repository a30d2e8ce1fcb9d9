"""Frames into files: sizes, H.264 encoding, joined scenes, verification, thumbnails."""
