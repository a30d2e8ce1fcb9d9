"""Port: a place outside of kinolog that gets every signed head of the tree."""

from __future__ import annotations

from typing import Protocol

from kinolog.merkle.witness import PublishedHead


class HeadNotSent(Exception):
    """A place did not take a head. The message says why, without credentials."""


class HeadTarget(Protocol):
    """A place for signed heads. A head that it has already is no error."""

    @property
    def name(self) -> str:
        """The address of the place, without credentials. It is storage: what was sent is noted under it."""
        ...

    @property
    def every_seconds(self) -> float:
        """The least time between two heads that it gets, of which it gets the last one; 0 if it gets all of them."""
        ...

    async def send(self, head: PublishedHead) -> bytes:
        """Send a head. Return what the place gave for it, such as a timestamp token; mostly nothing.

        Raises `HeadNotSent`.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
