"""A replay of the log through a projection of the user."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic

from kinolog_cli.context import CliContext
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.log_bar import log_bar
from kinolog_cli.replay.log_source import LogSource
from kinolog_cli.replay.projection_file import ProjectionFile, defines_state
from kinolog_cli.replay.replay_state import ReplayState, read_state

SAVE_SECONDS = 10.0
"""How often the state is saved while a replay runs."""
SHOWN_COMMITS = 200
"""Commits between two looks at the clock and two steps of the bar."""


class ProjectionRun:
    """Gives all commits to a projection. With a file for its state it goes on where the last run ended."""

    def __init__(self, file: ProjectionFile, source: LogSource, state_path: Path | None) -> None:
        """Load the state, if there is one. Raises `CommandFailed`."""
        self._file, self._source, self._path = file, source, state_path
        self._state = ReplayState(
            log="",
            position=0,
            projection=file.name,
            file_sha256=file.digest,
            selection=source.description,
            state=None,
        )
        self._position = 0
        self._is_between = True
        """Whether no commit is half taken."""
        if state_path is not None:
            self._load(state_path)

    def _load(self, path: Path) -> None:
        if not defines_state(self._file.projection):
            raise CommandFailed(
                ExitCode.USAGE,
                f"--state needs the methods state() and load() in {self._file.name}: docs/replay.md",
            )
        found = read_state(path)
        if found is None:
            return
        found.check(path, self._state)
        with self._file.calls(f"while it loads {path}") as projection:
            projection.load(found.state)
        self._state, self._position = found, found.position

    def run(self, context: CliContext) -> None:
        """Read the log to its end. Raises `CommandFailed`, `GatewayError`.

        What was taken so far is saved also when it is interrupted, or when the log cannot be read on.
        """
        end = 0

        def begin(name: str, last_position: int) -> None:
            nonlocal end
            chosen = self._source.selection.last_position
            is_end_known = chosen is None or last_position < chosen  # else it is the end of what is read
            if self._path is not None:
                self._state.check_log(self._path, name, last_position if is_end_known else None)
            self._state = replace(self._state, log=name or self._state.log)
            end = last_position if chosen is None else min(chosen, last_position)

        saved_at = monotonic()
        try:
            with log_bar(context.err, "replaying", self._position) as show:
                commits = self._source.commits(self._file.events, begin, self._position)
                for number, commit in enumerate(commits, 1):
                    self._is_between = False
                    self._file.apply(commit)
                    self._position, self._is_between = commit.position, True
                    if number % SHOWN_COMMITS == 0:
                        show(commit.position, end)
                        if self._path is not None and monotonic() - saved_at > SAVE_SECONDS:
                            self._save()
                            saved_at = monotonic()
            self._position = max(self._position, end)
        finally:
            if self._is_between:
                self._save()

    def _save(self) -> None:
        if self._path is None or not self._state.log:
            return
        with self._file.calls("while its state is saved") as projection:
            state = projection.state()
        self._state = replace(self._state, position=self._position, state=state)
        self._state.write(self._path)
