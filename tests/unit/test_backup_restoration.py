"""A restore of a backup that is interrupted, declined and run again: what was erased stays erased."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kinolog.adapters.jetstream.subjects import Service
from kinolog.mounted_folder import OWN_DISK, Mount, MountedFolder, note_of
from kinolog_stack.errors import StartError
from kinolog_stack.recovery.backup_restoration import (
    ERASED_WILL_BE_BACK,
    LATER_ERASED_MAY_BE_BACK,
    BackupRestoration,
)
from kinolog_stack.recovery.restoration import Restored, RestoreDeclined
from kinolog_stack.recovery.stopped_stack import StoppedStack
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.settings import StackSettings
from tests.unit.test_backup_folder import made

ERASED_JOB = "01erased"


class FolderOfPostgres(PostgresServer):
    """A Postgres that makes its folder and runs nothing."""

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "PG_VERSION").write_text("18\n")


class ScriptedStack(StoppedStack):
    """A stack whose programs answer from a table. What they are called with is noted."""

    def __init__(self, data: Path) -> None:
        super().__init__(StackSettings(data=data), restores_backup=True)
        self.postgres = FolderOfPostgres(self.folder.postgres)
        self.answers: dict[str, dict[str, Any] | StartError] = {
            "check-backup": {"position": 1, "made_at": "2026-01-01"},
            "erased": {"jobs": [ERASED_JOB], "position": 4, "last": 4},
            "erase": {"jobs": [ERASED_JOB], "commits": 1},
            "settle": {"commits": 2, "hash": "ab"},
        }
        self.erased: list[str] = []

    def projector(self, command: str, *arguments: str, service: Service = Service.ADMIN) -> dict[str, Any]:
        answer = self.answers.get(command, {})
        if isinstance(answer, StartError):
            raise answer
        if command == "erase":
            self.erased += Path(arguments[-1]).read_text().split()
        return answer

    def start_nats(self, *, needed: str = "") -> list[str]:
        return []

    def adopt_master_keys(self) -> None:
        pass


class RestoreTrial:
    """Restores one backup into one folder, as often as a test wants."""

    def __init__(self, folder: Path) -> None:
        self.backup, self.data = folder / "backup", folder / "data"
        made(self.backup)
        self.said: list[str] = []

    def run(self, *, agree: bool = True, load_fails: bool = False) -> tuple[Restored, list[str]]:
        """Return what was restored, and the jobs that were erased again."""
        self.said.clear()
        with ScriptedStack(self.data) as stack:
            if load_fails:
                stack.answers["load"] = StartError("the machine went down.")
            restoration = BackupRestoration(
                stack=stack, backup=self.backup, say=self.said.append, agree=lambda: agree
            )
            return restoration.run(), stack.erased


@pytest.fixture
def trial(tmp_path: Path) -> RestoreTrial:
    """A folder with a database in which a job is erased."""
    trial = RestoreTrial(tmp_path)
    with ScriptedStack(trial.data) as stack:
        stack.postgres.start()
    return trial


def test_a_declined_second_try_keeps_the_note_of_erasures(trial: RestoreTrial) -> None:
    """Interrupted, run again and declined, run a third time: the note is all that is left of the erasures."""
    with pytest.raises(StartError, match="the machine went down"):
        trial.run(load_fails=True)
    with pytest.raises(RestoreDeclined):
        trial.run(agree=False)
    restored, erased = trial.run()
    assert (restored.commits, erased) == (2, [ERASED_JOB])
    assert not {path.name for path in trial.data.iterdir()} & {"restoring", "restoring-erased"}


def test_a_declined_first_try_leaves_no_note(trial: RestoreTrial) -> None:
    """Nothing was changed, so the next restore reads the database again."""
    with pytest.raises(RestoreDeclined):
        trial.run(agree=False)
    assert not (trial.data / "restoring-erased").exists()


def test_a_note_without_the_log_says_where_it_ends(trial: RestoreTrial) -> None:
    """Without a log that can be read nobody knows whether the database contains its end."""
    trial.run()
    assert "  Erasures are noted up to position 4 of the log here." in trial.said
    assert f"  {LATER_ERASED_MAY_BE_BACK}" in trial.said


def test_a_second_try_without_a_note_says_so(tmp_path: Path) -> None:
    """A folder that had no database has no note of erasures, whichever try it is."""
    trial = RestoreTrial(tmp_path)
    with pytest.raises(StartError, match="the machine went down"):
        trial.run(load_fails=True)
    assert f"  {ERASED_WILL_BE_BACK}" in trial.said
    with pytest.raises(RestoreDeclined):
        trial.run(agree=False)
    assert f"  {ERASED_WILL_BE_BACK}" in trial.said


def test_a_restore_takes_the_disk_that_is_there(trial: RestoreTrial) -> None:
    """The disk with the videos is lost and an empty one is in its place: the files of the backup make it the store."""
    trial.run()
    artifacts = trial.data / "artifacts"
    note_of(artifacts).write_text(f"{'a' * 32} {OWN_DISK}\n")
    assert MountedFolder(artifacts).state() is not Mount.MOUNTED
    trial.run()
    assert MountedFolder(artifacts).state() is Mount.MOUNTED
