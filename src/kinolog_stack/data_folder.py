"""The data folder of a stack: its lock, its layout, and the file in which clients find the stack."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kinolog.durable_files import PRIVATE_FOLDER, flush_folder, make_folder, write_durably
from kinolog.process.files.full_disk import is_full
from kinolog_stack.errors import StartError

LAYOUT = 1


@dataclass(frozen=True, slots=True)
class RunningStack:
    """State of a running stack, as `stack.json` holds it."""

    pid: int
    state: str
    addresses: Mapping[str, str] = field(default_factory=dict)
    processes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    started_at: str = ""


class DataFolder:
    """Paths below one folder, and the lock that admits one stack at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passwords = path / "passwords.json"
        self.nats = path / "nats"
        self.postgres = path / "postgres"
        self.artifacts = path / "artifacts"
        self.scratch = path / "scratch"
        self.logs = path / "logs"
        self.secrets = path / "secrets"
        self.master_key = self.secrets / "master.key"
        self.signing_chain = self.secrets / "c2pa"
        self.tree_key = self.secrets / "tree.key"
        self.tree_heads = path / "heads.log"
        self.master_key_id = path / "master-key-id"
        self._state = path / "stack.json"
        self._lock = path / "lock"
        self._layout = path / "layout.json"
        self._restoring = path / "restoring"
        self.erased_jobs = path / "restoring-erased"
        """The ids of jobs that were erased here before a backup is put in the place of what is here, one a line."""
        self.noted_access = path / "restoring-access"
        """Facts about API keys that were here before a restore."""
        self._handle: int | None = None

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{name}.log"

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""
        return self._handle is not None

    def open(self, *, restores_backup: bool = False) -> None:
        """Create missing folders and take the lock. Raises `StartError` and then changes nothing.

        A folder in which the restore of a backup did not end opens for another one only (`restores_backup`).
        """
        try:
            make_folder(self.path, mode=PRIVATE_FOLDER)
            self._take_lock()
            self.check_layout()
            if not restores_backup:
                self._check_restored()
            self.make_folders()
        except OSError as error:
            self.close()
            if is_full(error):
                raise StartError(
                    f"the disk of the data folder {self.path} is full.", "Make room on it."
                ) from error
            raise StartError(
                f"the data folder {self.path} cannot be used: {error.strerror or error}",
                "Make it a folder that you may write to, or choose another with --data (KINOLOG_DATA).",
            ) from error
        except StartError:
            self.close()
            raise

    def make_folders(self) -> None:
        """Create missing folders. Videos and the log are private to their owner."""
        for folder in (self.artifacts, self.scratch, self.logs, self.nats):
            make_folder(folder, mode=PRIVATE_FOLDER)

    def close(self) -> None:
        """Release the lock."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    @property
    def is_half_restored(self) -> bool:
        """Whether the restore of a backup began here and did not end."""
        return self._restoring.exists()

    def begin_restore(self, backup: Path) -> None:
        """Note that a backup is put in the place of what is here. Until `end_restore` the folder is not whole."""
        write_durably(self._restoring, f"{backup}\n")

    def end_restore(self) -> None:
        """Note that everything of the backup is here."""
        self._restoring.unlink(missing_ok=True)
        self.erased_jobs.unlink(missing_ok=True)
        self.noted_access.unlink(missing_ok=True)
        flush_folder(self.path)

    def _check_restored(self) -> None:
        """Raise `StartError` if only a part of a backup is here: a start on it would continue an older log."""
        with contextlib.suppress(FileNotFoundError):
            backup = self._restoring.read_text(encoding="utf-8", errors="surrogateescape").strip()
            raise StartError(
                f"the restore of the backup {backup} into {self.path} did not end, so only a part of it is there.",
                f"Run it again: kinolog restore --from {shlex.quote(backup)}. What was there before is in set-aside/, "
                "here or in the folder itself if it is on another disk.",
            )

    def write_state(self, running: RunningStack | None) -> None:
        """Write `stack.json` for clients. None removes it."""
        if running is None:
            self._state.unlink(missing_ok=True)
            return
        fresh = self._state.with_name("stack.json.new")
        state = {
            "pid": running.pid,
            "state": running.state,
            "kinolog": version("kinolog"),
            "started_at": running.started_at,
            "addresses": dict(running.addresses),
            "processes": {name: dict(about) for name, about in running.processes.items()},
        }
        fresh.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        fresh.replace(self._state)

    def running(self) -> RunningStack | None:
        """Return the state of the stack on this folder, None if none runs. Needs no lock."""
        if not self._is_locked():
            return None
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            return RunningStack(
                pid=int(state["pid"]),
                state=str(state["state"]),
                addresses=dict(state["addresses"]),
                processes=dict(state["processes"]),
                started_at=str(state["started_at"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return RunningStack(pid=self._owner(), state="starting")

    def _take_lock(self) -> None:
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
        self._handle = handle
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise self._already_running() from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)

    def _already_running(self) -> StartError:
        other = self.running() or RunningStack(pid=self._owner(), state="starting")
        at = other.addresses.get("gateway")
        return StartError(
            f"kinolog already runs on {self.path}: process {other.pid}, {f'at {at}' if at else other.state}.",
            "Use that one, stop it first, or start another with --data and other ports.",
        )

    def _is_locked(self) -> bool:
        try:
            handle = os.open(self._lock, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def _owner(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int(self._lock.read_text(encoding="ascii"))
        return 0

    def check_layout(self) -> None:
        """Raise `StartError` for a newer layout, a damaged folder and a folder of another program."""
        if not self._layout.exists():
            unknown = {entry.name for entry in self.path.iterdir()} - {"lock", f"{self._layout.name}.new"}
            if unknown:
                raise StartError(
                    f"{self.path} is not a kinolog data folder: it holds {', '.join(sorted(unknown)[:3])}"
                    " and no layout.json.",
                    "Choose an empty or new folder with --data (KINOLOG_DATA). If this kinolog made it, write "
                    f'{{"layout": {LAYOUT}}} into its layout.json.',
                )
            about = {"layout": LAYOUT, "made_by": version("kinolog")}
            write_durably(self._layout, json.dumps(about) + "\n", mode=0o644)
        try:
            layout = int(json.loads(self._layout.read_text(encoding="utf-8"))["layout"])
        except (ValueError, KeyError, TypeError) as error:
            raise StartError(
                f"the data folder {self.path} is damaged: layout.json cannot be read ({error}).",
                f'If this kinolog made it, write {{"layout": {LAYOUT}}} into the file; else choose another folder.',
            ) from error
        if layout > LAYOUT:
            raise StartError(
                f"{self.path} was made by a newer kinolog (layout {layout}; this one knows {LAYOUT}).",
                "Upgrade kinolog, or choose another folder with --data.",
            )
