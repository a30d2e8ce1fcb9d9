"""Log files of the stack: rotated at each start and when they grow, and followed while the stack runs."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterable
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path

from kinolog.durable_files import PRIVATE_FOLDER
from kinolog.process.logs import TextLines

ROTATED_FILES = 5
LARGEST_BYTES = 64 * 1_048_576


def rotate_at_start(log_path: Path, files: int = ROTATED_FILES) -> None:
    """Move `x.log` to `x.log.1`, that to `x.log.2`, and so on. The oldest file is deleted."""
    if not log_path.exists() or not log_path.stat().st_size:
        return
    _shift_numbers(log_path, files)
    log_path.replace(_numbered(log_path, 1))


def rotate_when_large(log_path: Path, largest_bytes: int = LARGEST_BYTES, files: int = ROTATED_FILES) -> None:
    """Rotate a file that a process holds open: copy it, then truncate it. The process goes on appending."""
    with contextlib.suppress(OSError):  # missing, or no space for the copy: the next call tries again
        if log_path.stat().st_size <= largest_bytes:
            return
        _shift_numbers(log_path, files)
        shutil.copyfile(log_path, _numbered(log_path, 1))
        with log_path.open("r+b") as file:
            file.truncate(0)


class NamedFileHandler(WatchedFileHandler):
    """Writes to the file that has the name now: if it or its folder was deleted, it is made again."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line. A disk that takes none ends no thread that logs."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        return super()._open()


class StackLog:
    """The log of the stack itself, in a file beside those of its processes."""

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._handler: logging.Handler | None = None

    def open(self) -> None:
        """Rotate the file and log to it."""
        rotate_at_start(self._log_path)
        self._handler = NamedFileHandler(self._log_path, encoding="utf-8")
        self._handler.setFormatter(TextLines("stack"))
        logger = logging.getLogger("kinolog_stack")
        logger.addHandler(self._handler)
        logger.setLevel(logging.INFO)

    def close(self) -> None:
        """Stop logging to the file. Idempotent."""
        handler, self._handler = self._handler, None
        if handler is not None:
            logging.getLogger("kinolog_stack").removeHandler(handler)
            handler.close()


class LogFileFollower:
    """Reads the lines that are appended to some log files."""

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


def _shift_numbers(log_path: Path, files: int) -> None:
    _numbered(log_path, files).unlink(missing_ok=True)
    for number in range(files - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            _numbered(log_path, number).replace(_numbered(log_path, number + 1))


def _numbered(log_path: Path, number: int) -> Path:
    return log_path.with_name(f"{log_path.name}.{number}")
