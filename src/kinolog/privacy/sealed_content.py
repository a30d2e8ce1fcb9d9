"""Content of any length, sealed in chunks of one size, so that neither side holds it as a whole.

Each chunk is sealed by itself. Its number, and whether it is the last one, are authenticated with it: chunks that are
missing, exchanged or repeated, and content that ends early, do not unseal. The form is storage (decision 80).
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from kinolog.job.values import Sealed
from kinolog.privacy.sealer import NONCE_BYTES, Sealer, UnsealFailed

CHUNK_BYTES = 64 * 1024
"""Bytes of the content in each chunk but the last, which may have fewer."""

TAG_BYTES = 16
SEALED_CHUNK_BYTES = NONCE_BYTES + CHUNK_BYTES + TAG_BYTES


class ContentSealer:
    """Seals and unseals one content under the key of a `Sealer`. `purpose` tells it from others under that key."""

    def __init__(self, sealer: Sealer, purpose: str) -> None:
        self._sealer = sealer
        self._purpose = purpose

    async def seal(self, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the sealed chunks of content that comes in pieces of any length. Empty content is one chunk."""
        number = 0
        async for chunk, last in _chunks(content, CHUNK_BYTES):
            sealed = self._sealer.seal_bytes(chunk, self._purpose_of(number, last=last))
            yield sealed.nonce + sealed.ciphertext
            number += 1

    async def unseal(
        self, sealed: AsyncIterable[bytes], *, first: int = 0, whole: bool = True
    ) -> AsyncIterator[bytes]:
        """Yield the content of sealed chunks, which come in pieces of any length and begin with chunk `first`.

        Unless they are `whole`, the content goes on after them. Raises `UnsealFailed`, at the first chunk that is not
        as it was sealed.
        """
        number = first
        async for chunk, ends in _chunks(sealed, SEALED_CHUNK_BYTES):
            yield self._unsealed(chunk, number, last=ends and whole)
            number += 1

    def _unsealed(self, chunk: bytes, number: int, *, last: bool) -> bytes:
        if len(chunk) < NONCE_BYTES + TAG_BYTES:
            raise UnsealFailed(f"the {self._purpose} of {self._sealer.job_id} is torn")
        sealed = Sealed(nonce=chunk[:NONCE_BYTES], ciphertext=chunk[NONCE_BYTES:])
        return self._sealer.unseal_bytes(sealed, self._purpose_of(number, last=last))

    def _purpose_of(self, number: int, *, last: bool) -> str:
        return f"{self._purpose}/{number}/{'last' if last else 'more'}"


def sealed_range(start: int, end: int, size: int) -> tuple[int, int]:
    """Return the numbers of the chunks that hold bytes `start` to `end` of content of a size; the second is excluded.

    There is at least one: content that is empty has one chunk.
    """
    first = min(start, max(size - 1, 0)) // CHUNK_BYTES
    return first, max(first + 1, -(-end // CHUNK_BYTES))


async def _chunks(content: AsyncIterable[bytes], size: int) -> AsyncIterator[tuple[bytes, bool]]:
    """Yield content in chunks of a size, each with whether it is the last one."""
    held = bytearray()
    async for piece in content:
        held += piece
        while len(held) > size:
            yield bytes(held[:size]), False
            del held[:size]
    yield bytes(held), True
