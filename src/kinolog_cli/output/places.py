"""Places of `--output`: checked before any work is done, and whether they are standard output."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_client.partial_file import standard_output_at

STANDARD_OUTPUT = Path("/dev/fd/1")


def checked_place(path: Path) -> Path:
    """Return where a video is written; `-` is standard output.

    Raises `CommandFailed` for a place that cannot be written: its folder is missing or closed, it is a folder or a
    disk, or a terminal would get the bytes of a video.
    """
    place = STANDARD_OUTPUT if str(path) == "-" else path
    try:
        problem = _problem(place)
    except OSError as error:  # the current folder was deleted, too
        problem = error.strerror or str(error)
    if problem:
        raise CommandFailed(ExitCode.USAGE, f"cannot write {path}: {problem}; choose another --output")
    return place


@contextmanager
def writing(place: Path, advice: str = "save it elsewhere with --output") -> Iterator[None]:
    """Write to a place for the length of the block. An `OSError` there is raised as `CommandFailed` with the advice."""
    try:
        yield
    except OSError as error:
        text = f"cannot write {place}: {error.strerror}; {advice}"
        raise CommandFailed(ExitCode.FAILED, text) from error


def _problem(place: Path) -> str:
    try:
        kind = place.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _folder_problem(Path(os.path.realpath(place)).parent)
    if stat.S_ISDIR(kind):
        return "it is a folder; name a file in it"
    if stat.S_ISBLK(kind):
        return "it is a disk"
    if writes_standard_output(place) and sys.stdout.isatty():
        return "a terminal cannot show a video; redirect it"
    if stat.S_ISREG(kind) and not writes_standard_output(place):
        return _folder_problem(Path(os.path.realpath(place)).parent)
    return "" if os.access(place, os.W_OK) else "you may not write to it"


def _folder_problem(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"you may not write into {folder}"


def writes_standard_output(place: Path) -> bool:
    """Return whether what is written to a place is the standard output of this command."""
    return place == STANDARD_OUTPUT or (not place.is_char_device() and standard_output_at(place) == 1)
