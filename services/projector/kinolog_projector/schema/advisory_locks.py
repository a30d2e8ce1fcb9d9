"""Numbers of advisory locks that rooms of the projector share."""

from __future__ import annotations

REBUILD_LOCK = 0x6B696E6F72
"""Held while a projection is rebuilt beside the live one, and while erased texts are removed from files."""
