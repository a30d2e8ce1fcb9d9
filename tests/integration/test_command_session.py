"""The process that runs the commands of a restore one after the other."""

from __future__ import annotations

import os
from pathlib import Path

from kinolog_stack.recovery.command_session import CommandEnded, CommandSession


def test_commands_of_one_process_end_as_processes_of_their_own(tmp_path: Path) -> None:
    log = tmp_path / "restore.log"
    session = CommandSession(log)
    environment = dict(os.environ) | {"KINOLOG_DATABASE_URL": "postgresql://127.0.0.1:1/none"}

    wrong = session.run("projector", ["no-such-command"], environment)
    assert wrong == CommandEnded(2, "")
    assert "invalid choice: 'no-such-command'" in log.read_text()

    refused = session.run("projector", ["hash"], environment)
    assert refused == CommandEnded(2, "")
    assert log.read_text().splitlines()[-1].startswith("kinolog-projector: Postgres: connection failed")

    helped = session.run("provision", ["--help"], environment)
    assert helped.status == 0
    assert helped.output.startswith("usage: provision")

    url = {"KINOLOG_DATABASE_URL": "mysql://127.0.0.1/none"}  # each command has an environment of its own
    assert session.run("projector", ["hash"], environment | url).status == 2
    assert "KINOLOG_DATABASE_URL" in log.read_text().splitlines()[-1]
    assert session.close() == 0


def test_the_end_of_the_process_is_the_end_of_a_command(tmp_path: Path) -> None:
    session = CommandSession(tmp_path / "restore.log")
    environment = dict(os.environ) | {"KINOLOG_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    broken = session.run("no-such-program", [], environment)
    assert broken == CommandEnded(1, "")
    assert "no-such-program" in (tmp_path / "restore.log").read_text()

    again = session.run("projector", ["--help"], environment)  # in a new process
    assert again.status == 0
    session.close()
