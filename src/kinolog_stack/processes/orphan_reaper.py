"""A process that outlives a killed supervisor just long enough to end its orphans.

`python -m kinolog_stack.processes.orphan_reaper <run>` reads standard input to its end, which comes when the supervisor
dies, and then ends every process of that run. The death signal of launch.py reaches children only; this reaches
their children too, and works on systems without death signals.
"""

from __future__ import annotations

import os
import subprocess
import sys

from kinolog_stack.environment import service_environment
from kinolog_stack.processes.orphans import end_processes_with

RUN_MARK = "KINOLOG_STACK_RUN"
END_SECONDS = 10.0


class OrphanReaper:
    """Handle of the reaper process in the supervisor."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the reaper. It is ready at once: it also notices a supervisor that dies before it reads."""
        self._process = subprocess.Popen(  # fixed program and arguments
            [sys.executable, "-P", "-m", "kinolog_stack.processes.orphan_reaper", self._run_id],
            env=service_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Stop the reaper after an orderly stop of everything else."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(END_SECONDS)
            if process.stdin is not None:
                process.stdin.close()


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_processes_with(RUN_MARK, sys.argv[1])
