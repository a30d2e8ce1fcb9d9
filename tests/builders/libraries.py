"""Libraries of C that this process has loaded."""

from __future__ import annotations

import ctypes
from pathlib import Path


def loaded_library(name: str) -> ctypes.CDLL | None:
    """Return a library that this process has loaded; None if it cannot be found."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    paths = {line.split(maxsplit=5)[5] for line in lines if name in line}
    return ctypes.CDLL(paths.pop()) if len(paths) == 1 else None
