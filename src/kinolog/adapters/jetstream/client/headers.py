"""Headers of messages, of which a reader of many messages asks for a few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

LINE = b"NATS/1.0\r\n"
"""The first line of headers without a status."""


class MessageHeaders(Mapping[str, str]):
    """Headers as they came: a header is decoded when it is asked for. To decode all took a tenth of a catch-up."""

    __slots__ = ("_lines",)

    def __init__(self, lines: bytes) -> None:
        """Take `Name: value` lines, each after CR and LF."""
        self._lines = lines

    def __getitem__(self, name: str) -> str:
        lines, start_of_line = self._lines, _start_of_line(name)
        start = lines.rfind(start_of_line)  # of several the last one counts
        if start < 0:
            raise KeyError(name)
        start += len(start_of_line)
        return lines[start : lines.find(b"\r\n", start)].decode("utf-8", "replace").strip()

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _start_of_line(name) in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(parsed_headers(self._lines))

    def __len__(self) -> int:
        return len(parsed_headers(self._lines))

    def __bool__(self) -> bool:
        return True


@lru_cache(maxsize=256)
def _start_of_line(name: str) -> bytes:
    return f"\r\n{name}:".encode()


def parsed_headers(raw: bytes) -> dict[str, str]:
    """Return the headers in `Name: value` lines."""
    headers = {}
    for line in raw.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value.strip()
    return headers
