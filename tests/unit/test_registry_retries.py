"""What `make` loads from a registry is tried three times in all."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGET = """
loaded:
\t$(call again,sh {folder}/load)
\techo made >{folder}/made
"""
LOAD = """
echo tried >>{folder}/tries
test "$(wc -l <{folder}/tries)" -gt {failures}
"""


@pytest.mark.parametrize(("failures", "tries", "status"), [(0, 1, 0), (2, 3, 0), (9, 3, 2)])
def test_a_registry_that_fails_is_tried_again(tmp_path: Path, failures: int, tries: int, status: int) -> None:
    """After a pause. A command that fails three times fails the target."""
    (tmp_path / "target.mk").write_text(TARGET.format(folder=tmp_path))
    (tmp_path / "load").write_text(LOAD.format(folder=tmp_path, failures=failures))
    (tmp_path / "bin").mkdir()
    pause = tmp_path / "bin" / "sleep"
    pause.write_text(f"#!/bin/sh\necho $1 >>{tmp_path}/pauses\n")
    pause.chmod(0o755)
    command = ("make", "-f", "Makefile", "-f", str(tmp_path / "target.mk"), f"VENV={tmp_path}", "loaded")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert len((tmp_path / "tries").read_text().splitlines()) == tries
    assert (tmp_path / "made").exists() == (status == 0)
    pauses = (tmp_path / "pauses").read_text().split() if tries > 1 else []
    assert pauses == ["5", "20"][: tries - 1]
