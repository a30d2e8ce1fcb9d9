"""The file of an export of events: it continues what an interrupted export left, and appears when it is whole."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from kinolog_client.exports.commit_selection import CommitSelection
from kinolog_client.exports.transfer import EventPlace, EventTransfer, events_operation, place_of
from kinolog_client.http.retry import RetryPolicy
from kinolog_client.partial_file import flush_to_disk, is_plain_place, partial_file

FORMATS = ("jsonl", "parquet")
PARTIAL, STATE = ".partial", ".partial.json"
"""What is added to the name of the file while it is not whole."""
_BLOCK = 1 << 16
UNREADABLE = b'"unreadable_texts":['
"""In the line of an event with a text that could not be unsealed. A quote in a text is written otherwise."""


class ExportInterrupted(Exception):
    """Beside the file is the beginning of another export. The message says what to do."""


class EventFile:
    """The file of one export. Use it as a context; what is not finished stays beside the file, and is continued.

    The events arrive as lines in FILE.partial. FILE.partial.json says of which export they are.
    """

    def __init__(
        self,
        url: str,
        to: Path,
        selection: CommitSelection,
        policy: RetryPolicy,
        *,
        file_format: str = "jsonl",
        prompts: bool = False,
        on_progress: Callable[[int, int], object] | None = None,
        on_unreadable: Callable[[int], object] | None = None,
    ) -> None:
        if file_format not in FORMATS:
            raise ValueError(f"file_format must be one of {', '.join(FORMATS)}")
        self._to, self._file_format, self._prompts = to, file_format, prompts
        self._on_progress, self._on_unreadable = on_progress, on_unreadable
        self._unreadable = 0
        self._stack = ExitStack()
        self._file: BinaryIO
        self._is_plain = is_plain_place(to)
        if file_format == "parquet":
            import pyarrow.parquet  # noqa: F401 - before anything is sent: it is optional

            if not self._is_plain:
                raise ValueError("a Parquet file cannot be written into a pipe or a device; name a file")
        place = Path(os.path.realpath(to))
        self._place = place
        self._partial = place.with_name(place.name + PARTIAL)
        self._state = place.with_name(place.name + STATE)
        operation = events_operation(selection, prompts)
        self._request = {"url": url, **operation.params}
        self.transfer = EventTransfer(url, operation, policy)

    def __enter__(self) -> EventFile:
        """Open the file, and find where to go on. Raises `OSError`, `ExportInterrupted`."""
        if not self._is_plain:
            self._file = self._stack.enter_context(partial_file(self._to))
            return self
        self._file = self._stack.enter_context(self._partial.open("ab+"))
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._stack.close()
            raise ExportInterrupted(
                f"another export writes {self._to} at this moment; name another file"
            ) from None
        try:
            self._continue()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_plain and not self._file.closed and not self._state.exists():
            self._partial.unlink(missing_ok=True)  # nothing arrived, or it is in its place
        self._stack.close()

    def write(self, chunk: bytes) -> None:
        """Write the lines that a chunk completes."""
        transfer = self.transfer
        lines = transfer.lines(chunk)
        if lines and self._is_plain and not self._state.exists():
            facts = {
                "request": self._request,
                "source": transfer.source,
                "last_position": transfer.last_position,
            }
            self._state.write_text(json.dumps(facts), encoding="utf-8")
        self._file.write(b"".join(lines))
        self._unreadable += sum(UNREADABLE in line for line in lines)
        if self._on_progress is not None and transfer.after is not None:
            self._on_progress(transfer.after.position, transfer.last_position or 0)

    def finish(self) -> Path:
        """Put the whole file into its place; return it. It blocks until the disk has it. Raises `OSError`."""
        if self._unreadable and self._on_unreadable is not None:
            self._on_unreadable(self._unreadable)
        if self._is_plain:
            flush_to_disk(self._file)
            if self._file_format == "parquet":
                self._convert()
                self._partial.unlink()
            else:
                self._partial.replace(self._place)
            self._state.unlink(missing_ok=True)
        return self._to

    def _convert(self) -> None:
        from kinolog_client.exports.parquet_file import write_parquet  # its library is optional and large

        facts = {
            "source": self.transfer.source,
            "last_position": str(self.transfer.last_position),
            "texts": "unsealed" if self._prompts else "sealed",
            "request": json.dumps(self._request, sort_keys=True),
        }
        self._file.seek(0)
        with partial_file(self._place, durable=True) as made:
            write_parquet(self._file, made, facts)

    def _continue(self) -> None:
        """Find the last whole line of an interrupted export. Raises `ExportInterrupted` if it is of another one."""
        state = self._read_state()
        if state is None:
            self._file.truncate(0)
            return
        if state["request"] != self._request:
            raise ExportInterrupted(
                f"{self._partial} is the beginning of another export, which was interrupted: repeat that one, or "
                f"delete {self._partial.name} and {self._state.name}, or name another file"
            )
        last = last_line(self._file)
        self._file.seek(0)
        self._unreadable = sum(UNREADABLE in line for line in self._file)
        if last is None:
            self._state.unlink()
            return
        self.transfer.after = last
        self.transfer.source = str(state["source"])
        self.transfer.last_position = int(str(state["last_position"]))

    def _read_state(self) -> Mapping[str, object] | None:
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            state["request"], state["source"], int(state["last_position"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):  # cut off as it was written: no line followed it
            self._state.unlink()
            return None
        found: dict[str, object] = state
        return found


def last_line(file: BinaryIO) -> EventPlace | None:
    """Cut off what follows the last whole line of a file. Return the place of its event; None without a line.

    Raises ValueError if it is no event.
    """
    end = after_break(file, file.seek(0, os.SEEK_END))
    file.truncate(end)
    if not end:
        return None
    begin = after_break(file, end - 1)
    file.seek(begin)
    place = place_of(file.read(end - begin))
    file.seek(0, os.SEEK_END)
    return place


def after_break(file: BinaryIO, end: int) -> int:
    """Return the first byte after the last line break before `end`."""
    while end:
        begin = max(0, end - _BLOCK)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0
