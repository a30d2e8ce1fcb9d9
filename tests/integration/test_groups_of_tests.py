"""How `make test` divides the tests among its processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FILE = "tests/unit/log/test_headers.py"


def test_the_tests_of_a_file_run_in_one_process() -> None:
    """Otherwise each process prepares what the tests of a file, or those of the session's stack, share."""
    command = (sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-v", FILE)
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    finished = [line for line in done.stdout.splitlines() if "PASSED" in line]
    assert finished
    assert all(line.rstrip().endswith(f"@{FILE}") for line in finished)
    assert len({line.split()[0] for line in finished}) == 1
