"""`kinolog restore --from`: puts a backup in the place of what the data folder holds, and proves it complete."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from kinolog.adapters.jetstream.subjects import Service
from kinolog_stack.errors import StartError
from kinolog_stack.recovery.restoration import Agree, Restored, RestoreDeclined, Say
from kinolog_stack.recovery.stopped_stack import StoppedStack

ARTIFACTS = "artifacts"


@dataclass(slots=True, kw_only=True)
class BackupRestoration:
    """One restore of a backup into the data folder of a stack that does not run."""

    stack: StoppedStack
    backup: Path
    say: Say
    agree: Agree
    _steps: list[str] = field(default_factory=list)

    def run(self) -> Restored:
        """Restore. Raises `StartError`, `RestoreDeclined`."""
        checked = self.stack.projector("check-backup", "--folder", str(self.backup))
        self.say(f"  the backup of {checked['made_at']} is whole: {checked['position']} commits")
        steps = [
            *(f"set {path.name}/ of {self.stack.folder.path} aside" for path in self._occupied()),
            f"load {checked['position']} commits, the keys and the log lines of {self.backup}",
            "copy its files",
            "build the read models from the log",
            "compare every commit of the log with the archive",
        ]
        self.say("What will be done (whatever is replaced is kept in set-aside/ in the data folder):")
        for number, step in enumerate(steps, start=1):
            self.say(f"  {number}. {step}")
        if not self.agree():
            raise RestoreDeclined("Nothing was restored.")
        for path in self._occupied():
            self.stack.move_aside(path)
        self.stack.adopt_master_keys()
        self.stack.folder.make_folders()
        self.stack.postgres.start()
        self.stack.start_nats()
        self.stack.projector("migrate", service=Service.PROJECTOR)
        self.stack.projector("load", "--folder", str(self.backup))
        copy_files(self.backup / ARTIFACTS, self.stack.folder.artifacts)
        settled = self.stack.projector("settle")
        if settled["commits"] != checked["position"]:
            raise StartError(f"{settled['commits']} commits were restored instead of {checked['position']}.")
        return Restored(
            changed=True,
            commits=settled["commits"],
            hash=settled["hash"],
            steps=tuple(steps),
            set_aside=tuple(map(str, self.stack.set_aside)),
        )

    def _occupied(self) -> list[Path]:
        """Return the folders of the stack that hold data."""
        folder = self.stack.folder
        return [path for path in (folder.nats, folder.postgres, folder.artifacts) if _holds_data(path)]


def copy_files(source: Path, target: Path) -> None:
    """Copy the files of a backup durably. The backup was compared with its hashes before."""
    for path in sorted(source.rglob("*")):
        if not path.is_file():
            continue
        place = target / path.relative_to(source)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = place.with_name(f"{place.name}.unfinished")
        shutil.copyfile(path, unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(place)


def _holds_data(path: Path) -> bool:
    return path.exists() and any(path.iterdir())
