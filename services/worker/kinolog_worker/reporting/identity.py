"""The name of a worker in the log, and the versions of the libraries that it uses."""

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
    """Return a unique name: the given one, or host name and process id, and a suffix that is new with every start."""
    base = name or f"{socket.gethostname()}-{os.getpid()}"
    word = re.sub(r"[^A-Za-z0-9_-]+", "-", base).strip("-") or "worker"
    return f"{word[:NAME_LENGTH]}-{new_id()[:SUFFIX_LENGTH]}"


def libraries() -> MappingProxyType[str, str]:
    """Return the versions of Python and of the installed libraries that shape a video."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return MappingProxyType(versions)
