"""Files with heads of the tree that an auditor has: a copy of heads.log, or the state of a witness."""

from __future__ import annotations

from pathlib import Path

from kinolog.merkle.witness import PublishedHead, UnreadableHead
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode


def heads_in(path: Path) -> list[PublishedHead]:
    """Return the heads of a file. Raises `CommandFailed` if it has none, or cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        heads = [PublishedHead.of(line) for line in lines if line.strip()]
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"cannot read {path}: {error.strerror}") from error
    except UnreadableHead as error:
        raise CommandFailed(ExitCode.USAGE, f"{path}: {error}") from error
    if not heads:
        raise CommandFailed(ExitCode.USAGE, f"{path} has no head of a tree")
    return heads
