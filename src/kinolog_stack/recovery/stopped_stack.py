"""The servers of a stack that does not run, started alone: nothing else can write meanwhile."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kinolog.adapters.jetstream.subjects import EVENTS, Service
from kinolog.mounted_folder import holds_data
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.environment import service_environment
from kinolog_stack.errors import StartError
from kinolog_stack.processes.child_process import last_lines
from kinolog_stack.recovery.command_session import CommandSession
from kinolog_stack.recovery.set_aside import SetAside
from kinolog_stack.servers.master_key import OtherMasterKey, master_key_env
from kinolog_stack.servers.nats_server import NOT_RECOVERED, NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.servers.stream_blocks import DamagedRecord, correct, damaged_records, last_position
from kinolog_stack.settings import StackSettings

PROJECTOR, PROVISION = "projector", "provision"
"""Programs of a session."""
UNRECOVERED_STREAM = re.compile(r"> ([A-Za-z0-9_-]+)'")
PROGRAM_NAME = re.compile(r"^kinolog-[a-z]+: ")
MAX_SET_ASIDE = 8


class ProgramFailed(StartError):
    """A program that a restore runs has failed. The problem is what it wrote last."""


class StoppedStack:
    """Locks the data folder, so that no stack starts on it, and runs nats-server and Postgres for a block.

    With `restores_backup` the master keys are those of a backup, whatever the data folder had, until
    `adopt_master_keys`.
    """

    def __init__(self, settings: StackSettings, *, restores_backup: bool = False) -> None:
        self.settings = settings
        self._restores_backup = restores_backup
        self.folder = DataFolder(settings.data)
        self.nats = NatsServer(
            self.folder.nats,
            passwords_path=self.folder.passwords,
            log_path=self.folder.log("nats-server"),
        )
        self.postgres = PostgresServer(
            self.folder.postgres,
            fsync=settings.postgres_fsync,
            passwords_path=self.folder.passwords,
            log_path=self.folder.log("postgres"),
        )
        self.unread_position = 0
        """Last position of a log that nats-server could not read and that was set aside; 0 if there was none."""
        self._session = CommandSession(self.folder.log("restore"))
        self._aside = SetAside(self.folder.path)

    def __enter__(self) -> Self:
        """Lock the folder. Raises `StartError` if a stack runs on it."""
        self.folder.open(restores_backup=self._restores_backup)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._session.close()
        self.nats.stop()
        self.postgres.stop()
        self.folder.close()

    @property
    def set_aside(self) -> list[Path]:
        """Where what was replaced is now."""
        return self._aside.places

    def start_nats(self, *, needed: str = "") -> list[str]:
        """Start nats-server with all streams. Set streams aside that it cannot read, and return their names.

        Raises `StartError`, also for the stream that is needed, which stays where it is.
        """
        unrecovered: list[str] = []
        for _ in range(MAX_SET_ASIDE):
            try:
                self.nats.start()
                break
            except StartError as error:
                found = UNRECOVERED_STREAM.search(error.problem)
                if NOT_RECOVERED not in error.problem or found is None or found.group(1) == needed:
                    raise
                unrecovered.append(found.group(1))
                self.unread_position = max(self.unread_position, self._last_position(found.group(1)))
                self.move_stream_aside(found.group(1))
        else:
            places = ", ".join(map(str, self.set_aside))
            raise StartError(
                f"nats-server cannot recover its streams: {', '.join(unrecovered)} were set aside one after the other.",
                f"Read {self.folder.log('nats-server')}. What was set aside is in {places}.",
            )
        self.run_program(PROVISION, service=Service.ADMIN)
        return unrecovered

    def correct_positions(self) -> list[DamagedRecord]:
        """Correct records for which nats-server, which does not run, would take all memory. Return what they were.

        A copy of each block is set aside before. If a record has another damage as well, its hash differs, and the
        rest of the restore finds it.
        """
        corrected: list[DamagedRecord] = []
        try:
            while found := list(damaged_records(self.folder.nats)):
                for record in found:
                    if all(record.block != known.block for known in corrected):
                        self._aside.keep_copy(record.block, f"{record.stream}-{record.block.name}")
                    correct(record)
                corrected += found
        except OSError as error:
            named = f"{error.filename}: " if error.filename else ""
            raise StartError(
                f"nats-server's streams cannot be read: {named}{error.strerror or error}.",
                "Check the disk. If it is damaged, restore a backup: kinolog restore --from.",
            ) from error
        return corrected

    def _last_position(self, name: str) -> int:
        """Return the last position of the log if this stream is the log, else 0."""
        try:
            return last_position(self.folder.nats, name) if name == EVENTS else 0
        except OSError:  # on a damaged disk nobody knows
            return 0

    def replace_stream(self, name: str) -> None:
        """Set a stream aside and provision an empty one in its place."""
        self.nats.stop()
        self.move_stream_aside(name)
        self.nats.start()
        self.run_program(PROVISION, service=Service.ADMIN)

    def move_stream_aside(self, name: str) -> None:
        """Move the files of a stream out of the way of nats-server, which does not run."""
        for stream in sorted(self.folder.nats.glob(f"jetstream/*/streams/{name}")):
            self.move_aside(stream, name)

    def replace_database(self) -> None:
        """Set the folder of Postgres aside and make a new one. Postgres does not run. Raises `StartError`."""
        self.check_movable()
        if holds_data(self.folder.postgres):
            self.move_aside(self.folder.postgres, "postgres")
        self.postgres.start()

    def check_movable(self) -> None:
        """Raise `StartError` if a disk is mounted within the folder of Postgres: a new one cannot be made around it."""
        folder = self.folder.postgres
        mounted = [entry for entry in sorted(folder.glob("*")) if os.path.ismount(entry)]
        if mounted:
            raise StartError(
                f"a disk is mounted at {mounted[0]}, in the folder of Postgres, which must be set aside.",
                f"Nothing was changed. Move what it holds into {folder}, unmount it, and run the restore again.",
            )

    def projector(self, command: str, *arguments: str, service: Service = Service.ADMIN) -> dict[str, Any]:
        """Run a command of the projector's program and return its JSON object. Raises `ProgramFailed`."""
        output = self.run_program(PROJECTOR, command, "--json", *arguments, service=service)
        found = json.loads(output.strip().splitlines()[-1])
        return found if isinstance(found, dict) else {}

    def run_program(self, program: str, *arguments: str, service: Service) -> str:
        """Run a program of kinolog to its end and return its output. Raises `ProgramFailed`."""
        ended = self._session.run(program, arguments, self.environment(service))
        if ended.status:
            log = self.folder.log("restore")
            raise ProgramFailed(_last_problem(log), f"Nothing was deleted. More in {log}.")
        return ended.output

    def environment(self, service: Service) -> dict[str, str]:
        """Return the environment of a program that works on the servers as this user of nats-server."""
        return service_environment(os.environ) | dict(self._server_settings(service))

    def _server_settings(self, service: Service) -> Mapping[str, str]:
        settings = self.nats.settings_env(service) if self.nats.running else {}
        if self.postgres.running:
            settings |= self.postgres.settings_env()
        settings |= master_key_env(self.folder, os.environ, of_backup=self._restores_backup)
        return settings | {"KINOLOG_ARTIFACTS_URL": self.folder.artifacts.as_uri()}

    def adopt_master_keys(self) -> None:
        """Let the data folder belong to the configured master keys. Its note of another one is set aside."""
        self._restores_backup = False
        try:
            master_key_env(self.folder, os.environ)
        except OtherMasterKey:
            self.move_aside(self.folder.master_key_id)
            master_key_env(self.folder, os.environ)

    def move_aside(self, path: Path, name: str = "") -> None:
        """Set a folder or a file aside, on its disk (see `SetAside`). No server runs on it. Raises `StartError`."""
        try:
            self._aside.move(path, name)
        except OSError as error:
            raise StartError(
                f"{path} cannot be set aside: {error.strerror or error}.",
                "Remove the cause and run the restore again; nothing was deleted.",
            ) from error


def _last_problem(log: Path) -> str:
    """Return the last line of a log without the name of the program that wrote it."""
    lines = [line for line in last_lines(log).splitlines() if line.strip()]
    return PROGRAM_NAME.sub("", lines[-1].strip()) if lines else "the program wrote no reason"
