"""Rules that the linter enforces: what is banned is found wherever it is imported from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "planted",
    [
        "import asyncio\n\n\nasync def read(work: object) -> None:\n    await asyncio.wait_for(work, 1)\n",
        "from asyncio import wait_for\n\nwait = wait_for\n",
    ],
)
def test_a_wait_that_loses_cancellations_is_banned(planted: str) -> None:
    """`asyncio.wait_for` is refused in the product and in tests, with what to use in its place."""
    found = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--stdin-filename", "src/planted.py", "-"],
        input=planted,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert found.returncode == 1
    assert "TID251" in found.stdout
    assert "use asyncio.timeout" in found.stdout
