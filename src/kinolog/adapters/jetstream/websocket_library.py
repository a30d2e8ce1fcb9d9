"""aiohttp, which nats-py needs for ws:// URLs alone, is loaded when a connection has such a URL.

Loading it takes a fifth of the time in which a process starts.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module

LIBRARIES = ("aiohttp", "multidict")


def import_nats_without_websockets() -> None:
    """Import the transports of nats-py as if aiohttp were not installed. Later imports of aiohttp find it again."""
    if "aiohttp" in sys.modules or "nats.aio.transport" in sys.modules:
        return
    sys.modules["aiohttp"] = None  # type: ignore[assignment]  # an import of it fails
    try:
        import_module("nats.aio.transport")
    finally:
        del sys.modules["aiohttp"]


def load_websockets() -> None:
    """Give aiohttp to the transports of nats-py. Without aiohttp their error names what to install."""
    transport = import_module("nats.aio.transport")
    with suppress(ImportError):
        for name in LIBRARIES:
            setattr(transport, name, import_module(name))
