"""One process of the projector's program that runs the commands of a restore, so that its libraries load once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

COMMAND = (sys.executable, "-P", "-m", "kinolog_projector", "session")
CLOSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """The exit status of a command, and what it wrote to standard output."""

    status: int
    output: str


class CommandSession:
    """Starts the process with the first command. Errors of the commands are appended to a log."""

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> CommandEnded:
        """Run a command to its end. A command that ends the process has its exit status, and no output."""
        process = self._process or self._start(environment)
        request = {"program": program, "arguments": list(arguments), "environment": dict(environment)}
        try:
            answer = _answer(process, json.dumps(request))
        except BaseException:  # such as Ctrl-C: the command must not go on with servers that stop
            self.close(kill=True)
            raise
        if not answer:
            return CommandEnded(self.close() or 1, "")
        ended: dict[str, Any] = json.loads(answer)
        return CommandEnded(ended["status"], ended["output"])

    def close(self, *, kill: bool = False) -> int | None:
        """End the process and return its exit status; None if there is none."""
        process, self._process = self._process, None
        if process is None:
            return None
        if kill:
            process.kill()
        try:
            process.communicate(timeout=CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        return process.returncode

    def _start(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._log_path.open("ab") as errors:
            self._process = subprocess.Popen(  # our own program
                COMMAND, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        return self._process


def _answer(process: subprocess.Popen[bytes], request: str) -> bytes:
    """Return the line that answers a request; empty if the process has ended."""
    requests, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)  # both are pipes
    with suppress(BrokenPipeError):
        requests.write(f"{request}\n".encode())
        requests.flush()
    return answers.readline()
