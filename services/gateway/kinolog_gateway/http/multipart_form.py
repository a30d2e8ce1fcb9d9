"""A multipart body as it arrives: its parts one after the other. Nothing holds it as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import TypeAlias

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from kinolog_gateway.http.problems import HttpProblemError

CHUNK_SECONDS = 60.0
"""How long a client may take to send the next part of its body."""

HEADER_BYTES = 8192
"""Bytes of the headers of a part."""


@dataclass(frozen=True, slots=True)
class PartStart:
    """A field or a file begins. A file is what has a file name."""

    name: str
    is_file: bool


@dataclass(frozen=True, slots=True)
class PartData:
    """The next bytes of the field or file that began last."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The field or file is complete."""


FormEvent: TypeAlias = PartStart | PartData | PartEnd


class MultipartForm:
    """Yields the parts of a body. Raises `HttpProblemError` for a body of another type, and for one that is torn."""

    def __init__(self, content_type: str, hint: str) -> None:
        """Raise `HttpProblemError` with what to send, `hint`, if the type of the body is another one."""
        media_type, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if media_type != b"multipart/form-data" or not boundary:
            raise HttpProblemError(415, "UNSUPPORTED_MEDIA_TYPE", hint)
        self._events: list[FormEvent] = []
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        self._header_bytes = 0
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
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _unreadable(error) from None

    async def events(self, body: AsyncIterable[bytes]) -> AsyncIterator[FormEvent]:
        """Yield starts, data and ends of parts while the body arrives."""
        chunks = aiter(body)
        try:
            while (chunk := await next_chunk(chunks)) is not None:
                self._parser.write(chunk)
                for event in self._events:
                    yield event
                self._events.clear()
        except FormParserError as error:
            raise _unreadable(error) from None
        if not self._complete:
            raise HttpProblemError(400, "INPUT_TORN", "the body ended before the file did; send it again")

    def _on_part_begin(self) -> None:
        self._headers.clear()
        self._header_bytes = 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES:
            raise _unreadable(f"the headers of a part have more than {HEADER_BYTES:,} bytes")

    def _on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        self._events.append(PartStart(name, b"filename" in options or b"filename*" in options))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(PartData(data[start:end]))

    def _on_part_end(self) -> None:
        self._events.append(PartEnd())

    def _on_end(self) -> None:
        self._complete = True


async def next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    """Return the next part of a body; None at its end. Raises `HttpProblemError` if none comes in time."""
    try:
        async with asyncio.timeout(CHUNK_SECONDS):
            return await anext(chunks, None)
    except TimeoutError:
        raise HttpProblemError(
            408, "UPLOAD_STALLED", f"nothing of the file arrived for {CHUNK_SECONDS:.0f} s; send it again"
        ) from None


def _unreadable(cause: object) -> HttpProblemError:
    return HttpProblemError(400, "BAD_REQUEST", f"the body is not multipart/form-data: {cause}")
