"""Where a replay reads the log: the running kinolog, or a file or folder that was made of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from kinolog_cli.context import CliContext
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import job_id
from kinolog_cli.replay.log_files import FileSelection, LogFile, LogFileUnreadable, open_log_file
from kinolog_client import CommitSelection, KinologClient
from kinolog_client.replay import JobEvent, ReplayedCommit

OnBegin = Callable[[str, int], None]
"""Is called with the name of the log and its last position, before the first commit. Raises `CommandFailed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """The commits to read: those of `path`, or of the running kinolog without one."""

    context: CliContext
    path: Path | None
    selection: CommitSelection
    prompts: bool

    @property
    def description(self) -> dict[str, str]:
        """What is read, for the comparison with a later replay. The end by position is no part of it."""
        chosen = {name: value for name, value in self.selection.params().items() if name != "to"}
        return chosen | ({"prompts": "true"} if self.prompts else {})

    def commits(
        self, events: Collection[type[JobEvent]], on_begin: OnBegin, after: int = 0
    ) -> Iterator[ReplayedCommit]:
        """Yield the commits after a position. Raises `CommandFailed`, `GatewayError`."""
        if self.path is not None:
            yield from self._of_file(self.path, events, on_begin, after)
            return
        with self.context.client() as client:
            # From the last known commit on, so that there is one to compare where nothing is new.
            selection = self._selection(client, after)
            found = client.replayed_commits(selection, events=events, prompts=self.prompts, on_begin=on_begin)
            for commit in found:
                if commit.position > after:
                    yield commit

    def _selection(self, client: KinologClient, after: int) -> CommitSelection:
        chosen = self.selection
        if chosen.job_id:
            chosen = replace(chosen, job_id=job_id(client, chosen.job_id))
        first = max(after, chosen.first_position or 0)
        if chosen.last_position is not None:  # it may be before the position, and nothing is new then
            first = min(first, chosen.last_position)
        return replace(chosen, first_position=first or None)

    def _of_file(
        self, path: Path, events: Collection[type[JobEvent]], on_begin: OnBegin, after: int
    ) -> Iterator[ReplayedCommit]:
        chosen = FileSelection(self.selection, after)
        try:
            with closing(open_log_file(path, prompts=self.prompts)) as file:
                on_begin(file.name, file.last_position)
                yield from self._matching(file, events, chosen)
        except LogFileUnreadable as error:
            raise CommandFailed(ExitCode.USAGE, f"cannot read {path}: {error}") from error
        except OSError as error:
            what = error.filename or path
            raise CommandFailed(ExitCode.USAGE, f"cannot read {what}: {error.strerror or error}") from error

    def _matching(
        self, file: LogFile, events: Collection[type[JobEvent]], chosen: FileSelection
    ) -> Iterator[ReplayedCommit]:
        for commit in file.commits(events):
            if chosen.is_after_end(commit):
                return
            if chosen.has(commit):
                yield commit
