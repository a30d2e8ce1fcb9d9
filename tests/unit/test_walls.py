"""The walls between the rooms stand: a planted violation is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("src", "services/api", "services/worker", "services/projector", "services/gateway", "tui")


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the import linter on the tree below `root`."""
    env = dict(os.environ) | {"PYTHONPATH": os.pathsep.join(str(root / room) for room in ROOMS)}
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(linter), "--no-cache"], cwd=root, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the code and of the contracts."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("src/kinolog/job/decide.py", "import kinolog.codec.commits", "The domain is pure"),
        (
            "services/api/kinolog_api/rpc/errors.py",
            "import kinolog_gateway.enum_names",
            "Services never import each other",
        ),
        (
            "services/worker/kinolog_worker/media/video_check.py",
            "import nats",
            "Only the JetStream adapters import nats",
        ),
        (
            "services/gateway/kinolog_gateway/enum_names.py",
            "import sqlalchemy",
            "The gateway is a pure translator",
        ),
    ],
)
def test_a_planted_violation_fails(copy: Path, file: str, line: str, broken: str) -> None:
    """An import through a wall makes the linter fail and name the contract."""
    path = copy / file
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("from __future__ import annotations\n", f"from __future__ import annotations\n{line}\n")
    )
    done = _lint(copy)
    assert done.returncode == 1, done.stdout
    assert f"{broken}" in done.stdout.replace("\n", " ")
    assert "BROKEN" in done.stdout


def test_the_code_as_it_stands_passes(copy: Path) -> None:
    """Without a violation the linter passes."""
    done = _lint(copy)
    assert done.returncode == 0, done.stdout
