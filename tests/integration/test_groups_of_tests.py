"""How `make test` divides the tests among its processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FILE = "test_many.py"
CONFTEST = "from tests.conftest import pytest_collection_modifyitems, pytest_unconfigure\n"
TESTS = "".join(f"def test_{number}(): pass\n" for number in range(6))


def test_the_tests_of_a_file_run_in_one_process(tmp_path: Path) -> None:
    """Otherwise each process prepares what the tests of a file, or those of the session's stack, share.

    The tests are small ones with the hook of all tests and without their fixtures, which take seconds to import.
    """
    (tmp_path / FILE).write_text(TESTS)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    command = (sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-v", FILE)
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    finished = [line for line in done.stdout.splitlines() if "PASSED" in line]
    assert finished
    assert all(line.rstrip().endswith(f"@{FILE}") for line in finished)
    assert len({line.split()[0] for line in finished}) == 1
