"""A file of this machine, read in chunks outside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

CHUNK_BYTES = 1024 * 1024


async def chunks_of(path: Path) -> AsyncIterator[bytes]:
    """Yield the content of a file. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
