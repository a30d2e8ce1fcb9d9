"""Port: live videos, the frames of running attempts as they are drawn, in parts. They are not part of the history.

A live video is a file that grows. Its parts are numbered from 0, are written once, and stay what they are. They lie
beside staged content, in the folder of their job below `tmp/`: an erasure deletes them with it, and so does the sweep
of the store.
"""

from __future__ import annotations

import re
from typing import Protocol

_NAME = re.compile(r"live-([0-9]{5})-([0-9]{6})")


class LiveVideos(Protocol):
    """Stores the parts of live videos, sealed. `folder` is that of a job (`kinolog.ports.artifacts.job_folder`).

    If the store fails, every method raises `ArtifactsUnavailable`. Every adapter passes
    tests/contract/test_live_videos.py.
    """

    async def put(self, folder: str, attempt: int, number: int, sealed: bytes) -> None:
        """Store a part, whole or not at all."""
        ...

    async def sizes(self, folder: str, attempt: int) -> list[int]:
        """Return the sizes of the sealed parts of an attempt in bytes, by number, up to the first that is missing."""
        ...

    async def read(self, folder: str, attempt: int, number: int) -> bytes | None:
        """Return a sealed part; None if there is none."""
        ...

    async def attempts(self, folder: str) -> list[int]:
        """Return the attempts that have parts, in order."""
        ...

    async def delete(self, folder: str, attempt: int) -> int:
        """Delete the parts of an attempt. Return the number of deletions."""
        ...

    async def still_for(self, seconds: float) -> list[str]:
        """Return the folders with live videos that did not grow for so many seconds. It lists all that is staged."""
        ...


def part_name(attempt: int, number: int) -> str:
    """Return the name of a part in its folder."""
    return f"live-{attempt:05}-{number:06}"


def part_of(name: str) -> tuple[int, int] | None:
    """Return the attempt and the number in the name of a part; None for any other name."""
    match = _NAME.fullmatch(name)
    return None if match is None else (int(match[1]), int(match[2]))
