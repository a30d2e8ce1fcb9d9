"""Checks the checksums of all pages of a Postgres that does not run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from kinolog_stack.environment import server_environment
from kinolog_stack.errors import StartError
from kinolog_stack.servers.postgres_server import postgres_binary

CHECK_SECONDS = 3_600.0
FAILED_FILE = re.compile(r'in file "[^"]*/(?:base/\d+|global)/(\d+)(?:\.\d+)?"')
NO_CHECKSUMS = "data checksums are not enabled"


def damaged_files(folder: Path) -> list[str]:
    """Return the numbers of the files with damaged pages; none of a cluster without checksums. Raises `StartError`."""
    done = subprocess.run(  # the program of the wheel
        [str(postgres_binary("pg_checksums")), "--check", "--pgdata", str(folder)],
        env=server_environment(os.environ) | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=CHECK_SECONDS,
        check=False,
    )
    found = sorted(set(FAILED_FILE.findall(done.stderr)))
    if done.returncode and not found and NO_CHECKSUMS not in done.stderr:
        raise StartError(f"the pages of {folder} cannot be checked: {done.stderr.strip()}")
    return found
