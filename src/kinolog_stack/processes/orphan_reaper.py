"""A process that outlives a killed supervisor just long enough to end what that one left behind.

`python -m kinolog_stack.processes.orphan_reaper <run>` reads standard input until it ends, which the kernel
sees to when the supervisor dies, and then ends every process of that run. The wish of launch.py reaches
children; this reaches their children too, and works on systems without such wishes.
"""

from __future__ import annotations

import subprocess
import sys

from kinolog_stack.processes.orphans import end_marked

RUN_MARK = "KINOLOG_STACK_RUN"
END_SECONDS = 10.0


class OrphanReaper:
    """The supervisor's end of it."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is ready at once, as a supervisor that dies before it reads is seen all the same."""
        self._process = subprocess.Popen(  # noqa: S603 - fixed program and arguments
            [sys.executable, "-m", "kinolog_stack.processes.orphan_reaper", self._run],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Send it home: everything was stopped in an orderly way."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(END_SECONDS)
            if process.stdin is not None:
                process.stdin.close()


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_marked(RUN_MARK, sys.argv[1])
