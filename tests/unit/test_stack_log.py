"""The log of the stack itself."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from kinolog_stack.log_files import StackLog


def test_the_log_of_the_stack_outlives_its_folder(tmp_path: Path) -> None:
    """A line after the folder was deleted is in a file of the same name, in a folder that is private again."""
    path = tmp_path / "logs" / "stack.log"
    log = StackLog(path)
    log.open()
    try:
        logging.getLogger("kinolog_stack").info("before")
        shutil.rmtree(path.parent)
        logging.getLogger("kinolog_stack").info("after")
    finally:
        log.close()
    assert "after" in path.read_text(encoding="utf-8")
    assert path.parent.stat().st_mode & 0o777 == 0o700
