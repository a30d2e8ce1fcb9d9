"""The content of an upload, checked and measured while it passes by."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from hashlib import sha256 as new_digest

from grpc import StatusCode

from kinolog.counts import counted
from kinolog.job.values import InputFacts
from kinolog_api.dependencies import InputLimits
from kinolog_api.inputs.media_format import HEADER_BYTES, MediaFormat, UnsupportedMedia, media_format
from kinolog_api.rpc.errors import RequestViolation, RpcError

FIELD = "file"
"""The field that a violation of the content names."""


class CheckedContent:
    """Yields content as it comes, and refuses what is too large or nothing that jobs can start from.

    It also refuses content of another size than its sender stated, unless that is 0. What it found is known at the end.
    """

    def __init__(self, limits: InputLimits, *, size_bytes: int = 0) -> None:
        self._limits = limits
        self._stated_bytes = size_bytes
        self.stated_sha256 = ""
        """The SHA-256 that the sender stated by the end of the content. Content with another one is refused."""
        self._digest = new_digest()
        self._head = bytearray()
        self._read_at_bytes = 0
        self._format: MediaFormat | None = None
        self.size_bytes = 0

    async def pieces(self, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the content. Raises INVALID_ARGUMENT as soon as something is wrong with it."""
        async for piece in content:
            self.size_bytes += len(piece)
            if self.size_bytes > self._limits.max_bytes:
                raise self._too_large()
            self._digest.update(piece)
            if self._format is None:
                self._head += piece
                if len(self._head) >= self._read_at_bytes:
                    self._read_format(complete=False)
            yield piece
        if self._format is None:
            self._read_format(complete=True)
        if self._stated_bytes not in (0, self.size_bytes):
            problem = f"has {counted(self.size_bytes, 'byte')} and not {self._stated_bytes:,}; send it again"
            raise refused("INPUT_TORN", problem)
        if self.stated_sha256 not in ("", self._digest.hexdigest()):
            raise refused(
                "INPUT_TORN", "arrived with another SHA-256 than the one that was stated; send it again"
            )

    @property
    def media_type(self) -> str:
        """The media type."""
        return self._known.media_type

    @property
    def facts(self) -> InputFacts:
        """What identifies the content."""
        return InputFacts(sha256=self._digest.hexdigest(), width=self._known.width, height=self._known.height)

    @property
    def _known(self) -> MediaFormat:
        if self._format is None:
            raise AssertionError("the format of content is known at its end")
        return self._format

    def _read_format(self, *, complete: bool) -> None:
        try:
            found = media_format(bytes(self._head), complete=complete)
        except UnsupportedMedia as error:
            raise refused("INPUT_UNSUPPORTED", str(error)) from None
        if found is None:  # reading each piece from the first byte on would take its square in time
            self._read_at_bytes = min(2 * len(self._head), HEADER_BYTES)
            return
        if found.width * found.height > self._limits.max_pixels:
            problem = (
                f"has {found.width}x{found.height} pixels, and at most {self._limits.max_pixels:,} are taken; "
                "send a smaller picture"
            )
            raise refused("INPUT_TOO_LARGE", problem)
        self._format = found
        self._head.clear()

    def _too_large(self) -> RpcError:
        problem = f"has more than {self._limits.max_bytes:,} bytes; send a smaller file"
        return refused("INPUT_TOO_LARGE", problem)


def refused(reason: str, problem: str) -> RpcError:
    """Return the error for a file that is not taken."""
    violation = RequestViolation(FIELD, problem)
    return RpcError(StatusCode.INVALID_ARGUMENT, reason, f"{FIELD}: {problem}", violations=[violation])
