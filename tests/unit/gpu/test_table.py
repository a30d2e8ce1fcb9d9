"""The tables of a GPU check."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gpu.table import tables


def _check(**stages: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "version": 1,
        "stages": [
            {"name": name, "state": "finished", "seconds": 3.0, "results": results}
            for name, results in stages.items()
        ],
    }


def _row(text: str, name: str) -> list[str]:
    """Return the cells after the name of a row."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_a_step_is_compared_with_the_pipeline_as_it_comes() -> None:
    """Time, speed, memory and distance of each reading; one that failed says why."""
    eager = {"name": "eager", "state": "ok", "step_seconds": 1.2, "peak_reserved_gib": 5.83, "psnr_db": None}
    faster = {
        "name": "compiled",
        "state": "ok",
        "step_seconds": 1.0,
        "peak_reserved_gib": 4.7,
        "psnr_db": 50.36,
    }
    failed = {"name": "flash", "state": "failed", "error": "RuntimeError: no kernel | none"}
    text = tables(_check(wan=[eager, faster, failed]))
    assert _row(text, "eager") == ["1.2 s", "1.00", "5.83 GiB", "equal"]
    assert _row(text, "compiled") == ["1 s", "1.20", "4.7 GiB", "50.4 dB"]
    assert _row(text, "flash")[0] == "failed: RuntimeError: no kernel / none"


def test_placements_have_a_column_for_each_card() -> None:
    """A cell tells the speed, that it fits by its peak, or that it does not; smaller cards after that are not tried."""
    results: list[dict[str, Any]] = [
        {"name": "context", "state": "ok", "taken_gib": 0.6},
        {"name": "offload, whole device", "state": "ok", "step_seconds": 1.31, "peak_reserved_gib": 11.3},
        {"name": "offload, 24 GiB", "state": "ok", "decode_dtype": "float32"},
        {"name": "offload, 8 GiB", "state": "out of memory", "error": "OutOfMemoryError: no"},
        {"name": "offload, 8 GiB", "state": "ok", "decode_dtype": "float16", "step_seconds": 1.4},
        {"name": "all, whole device", "state": "ok", "step_seconds": 1.24, "peak_reserved_gib": 24.5},
        {"name": "all, 24 GiB", "state": "out of memory", "error": "OutOfMemoryError: no"},
    ]
    text = tables(_check(memory=results))
    assert _row(text, "placement") == ["whole device", "24 GiB", "8 GiB"]
    assert _row(text, "offload")[:2] == ["1.31 s a step, 11.3 GiB", "fits"]
    assert _row(text, "offload")[2] == "1.4 s a step, decodes in float16"
    assert _row(text, "all") == ["1.24 s a step, 24.5 GiB", "out of memory", "–"]


def test_a_family_that_failed_shows_its_code() -> None:
    """The code and the error are in the row, and a clip has its distance to the CPU."""
    failed = {"name": "mochi", "state": "failed", "code": "RENDER_FAILED", "error": "RuntimeError at conv.py"}
    drawn = {"name": "ltx", "state": "ok", "dtype": "bfloat16", "seconds": 1.5, "psnr_db_to_reference": 35.54}
    text = tables(_check(families=[failed, drawn]))
    assert _row(text, "mochi")[0] == "RENDER_FAILED: RuntimeError at conv.py"
    assert _row(text, "ltx") == ["a clip", "bfloat16", "1.5 s", "35.5 dB"]
    assert _row(text, "families") == ["finished", "3 s"]


def test_a_check_of_another_version_is_refused() -> None:
    """The message names both versions."""
    with pytest.raises(ValueError, match="version 2; this program reads version 1"):
        tables({"version": 2, "stages": []})
