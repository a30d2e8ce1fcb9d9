"""Log files of the stack: turned over at each start and when they grow, and followed while it runs."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from kinolog.process.logs import TextLines

KEPT = 5
LARGEST_BYTES = 64 * 1_048_576


def rotate_at_start(log_path: Path, kept: int = KEPT) -> None:
    """Move `x.log` to `x.log.1`, that to `x.log.2` and so on; the oldest is forgotten."""
    if not log_path.exists() or not log_path.stat().st_size:
        return
    _make_room(log_path, kept)
    log_path.replace(_numbered(log_path, 1))


def rotate_when_large(log_path: Path, largest_bytes: int = LARGEST_BYTES, kept: int = KEPT) -> None:
    """Turn over a file that a process holds open: copy it away and cut it; the process appends to what is left."""
    with contextlib.suppress(OSError):  # not there, or no room for the copy: try again later
        if log_path.stat().st_size <= largest_bytes:
            return
        _make_room(log_path, kept)
        shutil.copyfile(log_path, _numbered(log_path, 1))
        with log_path.open("r+b") as file:
            file.truncate(0)


class StackLog:
    """What the supervisor itself has to say, in a file beside those of its parts."""

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._handler: logging.Handler | None = None

    def open(self) -> None:
        """Turn the file over and write to it from now on."""
        rotate_at_start(self._log_path)
        self._handler = logging.FileHandler(self._log_path, encoding="utf-8")
        self._handler.setFormatter(TextLines("stack"))
        logger = logging.getLogger("kinolog_stack")
        logger.addHandler(self._handler)
        logger.setLevel(logging.INFO)

    def close(self) -> None:
        """Write no more; nothing happens when it is not open."""
        handler, self._handler = self._handler, None
        if handler is not None:
            logging.getLogger("kinolog_stack").removeHandler(handler)
            handler.close()


class LogFileFollower:
    """Hands out what is added to some log files, line by line."""

    def __init__(self, log_paths: Iterable[Path], emit: Callable[[str, str], None]) -> None:
        self._read_bytes = dict.fromkeys(log_paths, 0)
        self._partial: dict[Path, str] = {}
        self._emit = emit

    def follow(self) -> None:
        """Emit `(name, line)` for each line since the last call."""
        for path, done in self._read_bytes.items():
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                size = path.stat().st_size
                file.seek(done if done <= size else 0)
                text = self._partial.pop(path, "") + file.read().decode("utf-8", "replace")
                self._read_bytes[path] = file.tell()
                *lines, rest = text.split("\n")
                if rest:
                    self._partial[path] = rest
                for line in lines:
                    self._emit(path.stem, line)


def _make_room(log_path: Path, kept: int) -> None:
    _numbered(log_path, kept).unlink(missing_ok=True)
    for number in range(kept - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            _numbered(log_path, number).replace(_numbered(log_path, number + 1))


def _numbered(log_path: Path, number: int) -> Path:
    return log_path.with_name(f"{log_path.name}.{number}")
