"""The Python file with a projection of the user: loaded, called, and its errors told with its own lines."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from inspect import isabstract
from pathlib import Path
from types import ModuleType
from typing import Any

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_client.replay import JobEvent, Projection, ReplayedCommit

MODULE_NAME = "replayed_projection"
"""Name of the module that the file becomes."""


class ProjectionFile:
    """One object of the projection in a file. Its errors are raised as `CommandFailed` with the line of the file."""

    def __init__(self, path: Path) -> None:
        """Run the file. Raises `CommandFailed`."""
        self.path = path
        try:
            source = path.read_bytes()
        except OSError as error:
            raise CommandFailed(ExitCode.USAGE, f"cannot read {path}: {error.strerror or error}") from error
        self.digest = sha256(source).hexdigest()
        module = ModuleType(MODULE_NAME)
        module.__file__ = str(path)
        sys.modules[MODULE_NAME] = module  # dataclasses look their module up
        with self._errors("while the file is read"):
            exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - the user names the file to run it
        kind = self._class_in(module)
        self.name = kind.__name__
        with self._errors(f"while a {self.name} is made"):
            self.projection: Projection = kind()
        self.events = self._events()

    def _class_in(self, module: ModuleType) -> type[Projection]:
        found = [
            each
            for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, Projection) and each.__module__ == MODULE_NAME
        ]
        classes = [each for each in found if not any(each in other.__bases__ for other in found)]
        if len(classes) != 1:
            count = f"{len(classes)} classes" if classes else "no class"
            names = f" ({', '.join(each.__name__ for each in classes)})" if classes else ""
            raise self._unusable(
                f"it has {count} of kinolog_client.replay.Projection{names}; define exactly one"
            )
        if isabstract(classes[0]):
            lacking = " and ".join(sorted(classes[0].__abstractmethods__))
            raise self._unusable(f"{classes[0].__name__} lacks {lacking}")
        return classes[0]

    def _events(self) -> tuple[type[JobEvent], ...]:
        events = self.projection.events
        is_right = isinstance(events, tuple | list | set | frozenset) and all(
            isinstance(each, type) and issubclass(each, JobEvent) and each.type for each in events
        )
        if not is_right:
            raise self._unusable(
                f"{self.name}.events must be a tuple of classes of events, such as (CompletedEvent,)"
            )
        return tuple(events)

    def _unusable(self, text: str) -> CommandFailed:
        return CommandFailed(ExitCode.USAGE, f"{self.path}: {text}: docs/replay.md")

    def apply(self, commit: ReplayedCommit) -> None:
        """Let the projection take a commit. Raises `CommandFailed`."""
        try:
            self.projection.apply(commit)
        except (Exception, SystemExit) as error:
            what = f"at position {commit.position}, job {commit.job_id}"
            raise CommandFailed(ExitCode.FAILED, self._described(error, what)) from error

    @contextmanager
    def calls(self, what: str) -> Iterator[Projection]:
        """Yield the projection for calls. What it raises is raised as `CommandFailed`."""
        with self._errors(what):
            yield self.projection

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except CommandFailed:
            raise
        except (Exception, SystemExit) as error:
            raise CommandFailed(ExitCode.FAILED, self._described(error, what)) from error

    def _described(self, error: BaseException, what: str) -> str:
        """Return the error with its place in the file, the line there, and what was done."""
        lines = str(error).strip().splitlines()
        text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        if isinstance(error, SyntaxError) and error.filename == str(self.path):
            line = (error.text or "").strip()
            return f"{self.path}, line {error.lineno}: {error.msg}" + (f"\n    {line}" if line else "")
        own = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(self.path)
        ]
        if not own:
            return f"{self.path}: {text}, {what}"
        frame = own[-1]
        line = f"\n    {frame.line}" if frame.line else ""
        return f"{self.path}, line {frame.lineno}, in {frame.name}: {text}, {what}{line}"


def defines_state(projection: Any) -> bool:
    """Return whether a projection has both methods for going on later."""
    kind = type(projection)
    return kind.state is not Projection.state and kind.load is not Projection.load
