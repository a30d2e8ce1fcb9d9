"""The file of `--state`: up to where a projection has read the log, and what it remembers, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kinolog.durable_files import write_durably
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode

FORMAT = "kinolog-replay/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayState:
    """What a replay goes on from. `position` is that of the last commit that was taken, or passed over."""

    log: str
    position: int
    projection: str
    file_sha256: str
    selection: dict[str, str]
    state: Any

    def check(self, path: Path, other: ReplayState) -> None:
        """Raise `CommandFailed` unless another replay may go on from here: of the same file and selection."""
        for what, mine, theirs in (
            ("the file of the projection", self.file_sha256, other.file_sha256),
            ("the class", self.projection, other.projection),
            ("what is selected", self.selection, other.selection),
        ):
            if mine != theirs:
                raise CommandFailed(
                    ExitCode.USAGE,
                    f"{path} is of another replay: {what} is not the same; name another --state, or delete it to begin "
                    "again",
                )

    def check_log(self, path: Path, name: str, last_position: int | None) -> None:
        """Raise `CommandFailed` if a log is another one, or ends before the position; None if its end is not known."""
        if name and self.log and name != self.log:
            raise CommandFailed(
                ExitCode.USAGE,
                f"{path} is of the log {self.log}, and this is {name}; name another --state",
            )
        if last_position is not None and last_position < self.position:
            raise CommandFailed(
                ExitCode.USAGE,
                f"{path} is at position {self.position}, and the log ends at {last_position}: it is another log, or it "
                "lost its end; name another --state, or delete it to begin again",
            )

    def write(self, path: Path) -> None:
        """Write the file durably, whole or not at all. Raises `CommandFailed`, `OSError`."""
        try:
            text = json.dumps(
                {"format": FORMAT} | {each.name: getattr(self, each.name) for each in fields(self)}
            )
        except (TypeError, ValueError, RecursionError) as error:
            raise CommandFailed(
                ExitCode.FAILED,
                f"state() of {self.projection} returned something that is no JSON value: {error}",
            ) from error
        try:
            write_durably(path, text + "\n")
        except OSError as error:
            raise CommandFailed(
                ExitCode.FAILED, f"cannot write {path}: {error.strerror}; name another --state"
            ) from error


def read_state(path: Path) -> ReplayState | None:
    """Return the state in a file; None if there is none. Raises `CommandFailed`."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts.pop("format") != FORMAT:
            raise ValueError("it has another format")
        found = ReplayState(**facts)
        if type(found.position) is not int:
            raise TypeError("the position is no number")
        return found
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandFailed(
            ExitCode.USAGE, f"{path} is no state of a replay: {error}; name another --state"
        ) from error
