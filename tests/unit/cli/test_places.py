"""Places of `--output`."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.places import writing


def test_a_disk_that_fills_while_a_file_is_written() -> None:
    """The command ends with what is wrong and what to do. Other errors are those of their commands."""
    with pytest.raises(CommandFailed) as failed, writing(Path("film.mp4"), "choose another --output"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert failed.value.exit_code is ExitCode.FAILED
    assert str(failed.value) == f"cannot write film.mp4: {os.strerror(errno.ENOSPC)}; choose another --output"
    with pytest.raises(ValueError, match="another error"), writing(Path("film.mp4")):
        raise ValueError("another error")
