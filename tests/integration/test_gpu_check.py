"""The check of a GPU, rehearsed on a CPU: every stage gives results, and they are in one file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.stages import STAGES

ROOT = Path(__file__).parents[2]
BUDGET_SECONDS = 2_400
"""More than a busy machine needs. The rehearsal ends when it is done."""


@pytest.mark.timeout(BUDGET_SECONDS + 60)
def test_the_rehearsal_gives_results_of_every_stage(tmp_path: Path) -> None:
    """Each stage finishes with results, and those that a CPU can have are good."""
    command = (
        *(sys.executable, "-m", "tests.gpu.check", "--device", "cpu", "--tiny"),
        *(
            "--budget",
            str(BUDGET_SECONDS),
            "--out",
            str(tmp_path / "out"),
            "--families",
            "wan21,ltx2,wan21_flf2v",
        ),
    )
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    check = json.loads((tmp_path / "out" / "check.json").read_text())
    assert (check["version"], check["device"], check["tiny"]) == (1, "cpu", True)
    stages = {stage["name"]: stage for stage in check["stages"]}
    assert list(stages) == [stage.name for stage in STAGES]
    assert {stage["state"] for stage in stages.values()} == {"finished"}
    assert all(stage["results"] for stage in stages.values())
    families = _results(stages["families"])
    assert set(families) == {"wan21", "ltx2", "wan21_flf2v"}
    assert {name: result.get("sound") for name, result in families.items()} == {
        "wan21": None,
        "ltx2": "aac 16000",
        "wan21_flf2v": None,
    }
    assert all(result["frames"] == 9 and result["size"] == "128x64" for result in families.values())
    steps = _results(stages["wan"])
    assert steps["eager"]["step_seconds"] > 0
    assert all(result["finite"] for result in steps.values() if "finite" in result)
    pictures = [result for result in _results(stages["decode"]).values() if result["state"] == "ok"]
    assert len(pictures) > 5
    assert all(result["psnr_db"] is None or result["psnr_db"] > 40 for result in pictures)
    asserted = _results(stages["device_assert"])
    assert asserted["the faulty job"]["code"] == "RENDER_FAILED"
    assert asserted["the next job"]["state"] == "ok"
    memory = _results(stages["memory"])
    assert memory["device, whole device"]["state"] == memory["group-offload, whole device"]["state"] == "ok"
    assert [memory[f"planned, {size} GiB"]["rung"] for size in (80, 24, 8)] == [
        "device",
        "text-offload",
        "group-offload, float16 decode",
    ]
    quantised = _results(stages["quantised"])
    assert quantised["device"]["psnr_db"] is None
    assert quantised["int8"]["psnr_db"] > quantised["float8"]["psnr_db"] > quantised["nf4"]["psnr_db"] > 20


def _results(stage: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {result["name"]: result for result in stage["results"]}
