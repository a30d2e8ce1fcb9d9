"""The one file of a multipart body, as it arrives. Nothing holds it as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from kinolog_gateway.http.problems import HttpProblemError, invalid

FIELD = b"file"
"""Name of the field that holds the file."""

CHUNK_SECONDS = 60.0
"""How long a client may take to send the next part of its body."""

_ONE_FILE = "must be the only field: one file, such as with curl -F file=@picture.png"


class MultipartFile:
    """Yields the bytes of the field `file`. Raises `HttpProblemError` for any other body, and for one that is torn."""

    def __init__(self, content_type: str) -> None:
        media_type, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if media_type != b"multipart/form-data" or not boundary:
            raise HttpProblemError(
                415, "UNSUPPORTED_MEDIA_TYPE", "send the file as multipart/form-data, in the field file"
            )
        self._pieces: list[bytes] = []
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        self._parts = 0
        self._complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _unreadable(error) from None

    async def pieces(self, body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the bytes of the file while the body arrives."""
        chunks = aiter(body)
        try:
            while (chunk := await _next(chunks)) is not None:
                self._parser.write(chunk)
                yield b"".join(self._pieces)
                self._pieces.clear()
        except FormParserError as error:
            raise _unreadable(error) from None
        if not self._complete:
            raise HttpProblemError(400, "INPUT_TORN", "the body ended before the file did; send it again")
        if not self._parts:
            raise invalid("file", "is required")

    def _on_part_begin(self) -> None:
        self._headers.clear()
        self._parts += 1
        if self._parts > 1:
            raise invalid("file", _ONE_FILE)

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if options.get(b"name") != FIELD:
            raise invalid("file", _ONE_FILE)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def _on_end(self) -> None:
        self._complete = True


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    """Return the next part of the body; None at its end. Raises `HttpProblemError` if none comes in time."""
    try:
        async with asyncio.timeout(CHUNK_SECONDS):
            return await anext(chunks, None)
    except TimeoutError:
        raise HttpProblemError(
            408, "UPLOAD_STALLED", f"nothing of the file arrived for {CHUNK_SECONDS:.0f} s; send it again"
        ) from None


def _unreadable(error: Exception) -> HttpProblemError:
    return HttpProblemError(400, "BAD_REQUEST", f"the body is not multipart/form-data: {error}")
