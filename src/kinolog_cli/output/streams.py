"""Standard output and error as people have them: closed, full, or not UTF-8."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from typing import Any

from kinolog.texts import json_printable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What a write to standard output fails with."""


def json_line(value: dict[str, Any]) -> str:
    """Return one JSON object for standard output: in ASCII where that cannot take more."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
    return json_printable(json.dumps(value, ensure_ascii=not utf8)) + "\n"


def prepare_streams() -> None:
    """Replace characters that standard output and error cannot take, and open them where the shell closed them."""
    sys.stdout = _prepared(sys.stdout)
    sys.stderr = _prepared(sys.stderr)


def _prepared(stream: Any) -> Any:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return stream


def is_output_error(error: OSError) -> bool:
    """Return whether an error is one of writing output to a place that is full or gone."""
    return error.filename is None and error.errno in _FULL


def discard_output() -> None:
    """Let nothing more be written to standard output, nor at exit what could not be written before."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
