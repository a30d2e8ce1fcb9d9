"""The text of a file that a command reads."""

from __future__ import annotations

import sys
from pathlib import Path

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode


def text_of(path: Path) -> str:
    """Return the text of a file in UTF-8, `-` for standard input. Raises `CommandFailed` if it cannot be read."""
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(ExitCode.USAGE, f"cannot read {path}: byte {error.start} is not UTF-8") from error
