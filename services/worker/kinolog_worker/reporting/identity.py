"""The name of a worker in the log, and what it can say about the machine before a model is loaded."""

from __future__ import annotations

import os
import platform
import re
import socket
from importlib import metadata
from types import MappingProxyType

from kinolog.ids import new_id

LIBRARIES = ("kinolog", "torch", "diffusers", "transformers", "av")
NAME_LENGTH = 48
SUFFIX_LENGTH = 6


def instance_name(name: str | None) -> str:
    """A name that no other process ever has: the given one, or that of the machine, and a suffix of this start."""
    wanted = name or f"{socket.gethostname()}-{os.getpid()}"
    word = re.sub(r"[^A-Za-z0-9_-]+", "-", wanted).strip("-") or "worker"
    return f"{word[:NAME_LENGTH]}-{new_id()[:SUFFIX_LENGTH]}"


def libraries() -> MappingProxyType[str, str]:
    """Versions of the libraries that make a video, those that are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return MappingProxyType(found)
