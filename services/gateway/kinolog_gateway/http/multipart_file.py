"""The one file of a multipart body, as it arrives."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from kinolog_gateway.http.multipart_form import MultipartForm, PartData, PartStart
from kinolog_gateway.http.problems import invalid

FIELD = "file"
"""Name of the field that holds the file."""

_ONE_FILE = "must be the only field: one file, such as with curl -F file=@picture.png"


class MultipartFile:
    """Yields the bytes of the field `file`. Raises `HttpProblemError` for any other body, and for one that is torn."""

    def __init__(self, content_type: str) -> None:
        self._form = MultipartForm(content_type, "send the file as multipart/form-data, in the field file")

    async def pieces(self, body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the bytes of the file while the body arrives."""
        parts = 0
        async for event in self._form.events(body):
            match event:
                case PartStart(name):
                    parts += 1
                    if parts > 1 or name != FIELD:
                        raise invalid(FIELD, _ONE_FILE)
                case PartData(data):
                    yield data
        if not parts:
            raise invalid(FIELD, "is required")
