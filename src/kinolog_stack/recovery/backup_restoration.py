"""`kinolog restore --from`: puts a backup in the place of what the data folder holds, and proves it complete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinolog.adapters.jetstream.subjects import Service
from kinolog.backup.folder import CHUNK_BYTES, BackupFolder
from kinolog.backup.hashed_file import HashedFile
from kinolog.backup.manifest import ARTIFACTS, BackupFile, Manifest, UnusableBackup
from kinolog.counts import counted
from kinolog.durable_files import PRIVATE_FOLDER, flush_folder, make_folder, write_durably
from kinolog.mounted_folder import holds_data, note_of
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.disks.disk_space import START_BYTES, disks_of, mebibytes, stored_parts
from kinolog_stack.errors import StartError
from kinolog_stack.processes.program import Program
from kinolog_stack.recovery.restoration import WHAT_WILL_BE_DONE, Agree, Restored, RestoreDeclined, Say
from kinolog_stack.recovery.stopped_stack import StoppedStack

ERASED_WILL_BE_BACK = (
    "Jobs that were erased since the backup will be back: erase them again. API keys that were revoked since will be "
    "valid again: revoke them again."
)
LATER_ERASED_MAY_BE_BACK = "Jobs that were erased after that may be back: erase them again."


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
        folder = BackupFolder(self.backup)
        try:
            with folder.unchanged():
                return self._restore(folder)
        except (UnusableBackup, OSError) as error:
            named = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise StartError(
                f"{named}{reason}.", "Remove the cause and run the restore again; nothing was deleted."
            ) from error

    def _restore(self, folder: BackupFolder) -> Restored:
        data = self.stack.folder
        self.stack.projector("check-backup", "--folder", str(self.backup))
        self._check_place()
        self.stack.check_movable()
        manifest = folder.present_manifest()  # its files were compared now, and are again as they are copied
        check_fit(manifest, data)
        self.say(f"  {manifest.checked_text}")
        self.say("  Later jobs will be missing.")
        self._note_erasures()
        steps = [
            *(
                f"set {path.name}{'/' if path.is_dir() else ''} of {data.path} aside"
                for path in self._occupied()
            ),
            f"load {counted(manifest.position, 'commit')}, the keys and the log lines of {self.backup}",
            "copy its files",
            "erase again what was erased here",
            "build the read models from the log",
            "compare every commit of the log with the archive",
        ]
        self.say(WHAT_WILL_BE_DONE)
        for number, step in enumerate(steps, start=1):
            self.say(f"  {number}. {step}")
        if not self.agree():
            if not data.is_half_restored:  # else the note is all that is left of the erasures
                data.erased_jobs.unlink(missing_ok=True)
                data.noted_access.unlink(missing_ok=True)
            raise RestoreDeclined("Nothing was restored.")
        data.begin_restore(self.backup)
        for path in self._occupied():
            self.stack.move_aside(path)
        self.stack.adopt_master_keys()
        data.make_folders()
        self.stack.postgres.start()
        self.stack.start_nats()
        self.stack.projector("migrate", service=Service.PROJECTOR)
        self.stack.projector("load", "--folder", str(self.backup))
        note_of(data.artifacts).unlink(missing_ok=True)  # the files are those of the backup, on whatever disk
        copy_files(folder, manifest.artifacts, data.artifacts)
        again = self._erase_again()
        self._keep_access()
        settled = self.stack.projector("settle")
        expected = manifest.position + again
        if settled["commits"] != expected:
            raise StartError(f"restored {counted(settled['commits'], 'commit')} instead of {expected}.")
        data.end_restore()
        return Restored(
            changed=True,
            commits=settled["commits"],
            hash=settled["hash"],
            steps=tuple(steps),
            set_aside=tuple(map(str, self.stack.set_aside)),
        )

    def _occupied(self) -> list[Path]:
        """Return the folders of the stack that hold data, and the file of heads: its later ones are of lost commits."""
        folder = self.stack.folder
        folders = [path for path in (folder.nats, folder.postgres, folder.artifacts) if holds_data(path)]
        return [*folders, *([folder.tree_heads] if folder.tree_heads.exists() else [])]

    def _note_erasures(self) -> None:
        """Write down which jobs are erased here, before what is here is set aside. A restore run again has the note."""
        data = self.stack.folder
        if data.is_half_restored:
            if not data.erased_jobs.exists():
                self.say(f"  {ERASED_WILL_BE_BACK}")
            return
        archived = self._noted(self.stack.postgres, data.postgres, "erased")
        after = archived["position"] if archived else 0
        logged = self._noted(self.stack.nats, data.nats, "erased-in-log", "--after", str(after))
        notes = [note for note in (archived, logged) if note is not None]
        if not notes:
            self.say(f"  {ERASED_WILL_BE_BACK}")
            return
        position = max(note["position"] for note in notes)
        is_complete = logged is not None and position >= max(note["last"] for note in notes)
        self.say(f"  Erasures are noted up to position {position} of the log here.")
        if not is_complete:
            self.say(f"  {LATER_ERASED_MAY_BE_BACK}")
        jobs = sorted({job_id for note in notes for job_id in note["jobs"]})
        write_durably(data.erased_jobs, "".join(f"{job_id}\n" for job_id in jobs))
        if archived and archived.get("access"):
            write_durably(data.noted_access, archived["access"])

    def _noted(self, server: Program, folder: Path, command: str, *arguments: str) -> dict[str, Any] | None:
        """Return the erasures that a server here knows; None, and why is said, if it cannot be read."""
        if not holds_data(folder):
            return None
        try:
            server.start()
            return self.stack.projector(command, *arguments, service=Service.PROJECTOR)
        except StartError as error:
            self.say(f"  {folder} cannot be read for jobs that are erased here: {error.problem}")
            return None
        finally:
            server.stop()

    def _erase_again(self) -> int:
        """Erase what was erased before the restore. Return how many commits that took."""
        data = self.stack.folder
        if not data.erased_jobs.exists():
            return 0
        again = self.stack.projector("erase", "--folder", str(data.erased_jobs))
        if again["jobs"]:
            self.say(f"  erased again since the backup has them: {counted(len(again['jobs']), 'job')}.")
        return int(again["commits"])

    def _keep_access(self) -> None:
        """Add the facts about API keys that came after the backup, so that no revoked key is valid again."""
        noted = self.stack.folder.noted_access
        if noted.exists():
            kept = self.stack.projector("load-access", "--folder", str(noted))
            if kept["other"]:
                self.say(
                    "  the API keys that were here are of another installation; those of the backup are kept."
                )
            elif kept["added"]:
                self.say(f"  kept {counted(kept['added'], 'fact')} about API keys since the backup.")

    def _check_place(self) -> None:
        """Raise `StartError` for a backup in a folder that the restore sets aside."""
        place = self.backup.resolve()
        for path in self._occupied():
            if place.is_relative_to(path.resolve()):
                raise StartError(
                    f"the backup {self.backup} is in {path}, which the restore sets aside.",
                    "Move the backup out of it. Nothing was changed.",
                )


def check_fit(manifest: Manifest, data: DataFolder) -> None:
    """Raise `StartError` if a backup cannot fit, before anything is set aside, which gives no room back.

    The log is stored twice, as a stream and as the archive.
    """
    log_bytes = sum(file.size_bytes for file in manifest.log_and_tables)
    files_bytes = sum(file.size_bytes for file in manifest.artifacts)
    needed = {"log": log_bytes, "database": log_bytes + START_BYTES, "artifacts": files_bytes}
    for disk in disks_of(stored_parts(data)):
        size_bytes = sum(needed.get(part.slug, 0) for part in disk.parts)
        if disk.free_bytes < size_bytes:
            raise StartError(
                f"the backup needs at least {mebibytes(size_bytes)} on the disk with {disk.text}, which has "
                f"{mebibytes(disk.free_bytes)} free.",
                "Make room on it, or restore into another folder with --data. Nothing was changed.",
            )


def copy_files(backup: BackupFolder, files: Iterable[BackupFile], artifacts: Path) -> None:
    """Copy the files that a manifest names, durably, and compare each with its hash on the way.

    Other files in the folder stay there: an interrupted backup may have left those of jobs that were erased since.
    Raises `UnusableBackup`, `OSError`.
    """
    folders = {artifacts}
    for file in files:
        place = artifacts / file.path.removeprefix(f"{ARTIFACTS}/")
        make_folder(place.parent, mode=PRIVATE_FOLDER, above=PRIVATE_FOLDER)
        folders.add(place.parent)
        with (backup.path / file.path).open("rb") as source, HashedFile(place, mode=0o666) as target:
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)
            if target.sha256 != file.sha256:
                raise UnusableBackup(f"{file.path} of the backup was changed while it was restored")
    for folder in folders:
        flush_folder(folder)
