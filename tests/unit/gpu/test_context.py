"""What a stage of the GPU check records, and what its process finds on its path."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.gpu import installation
from tests.gpu.context import StageContext
from tests.gpu.report import result_line


class OutOfMemoryError(RuntimeError):
    """Has the name of what torch raises when a device has no memory left."""


def _recorded(work: object, *, left: float = 60.0, needed: float = 0.0) -> dict[str, Any]:
    """Return the result of an attempt that returns or raises `work`."""
    results: list[Mapping[str, Any]] = []
    context = StageContext(
        device="cpu",
        tiny=True,
        folder=Path(),
        deadline=time.monotonic() + left,
        families=(),
        results=results.append,
    )

    def attempted() -> dict[str, Any]:
        if isinstance(work, BaseException):
            raise work
        return {"seconds": work}

    figures = context.attempt("a step", attempted, seconds=needed)
    (result,) = map(dict, results)
    assert (figures is None) == (result["state"] != "ok")
    return result


def test_figures_are_recorded_with_the_time_that_they_took() -> None:
    """A result has its name, its state and what was measured."""
    result = _recorded(1.5)
    assert (result["name"], result["state"], result["seconds"]) == ("a step", "ok", 1.5)
    assert result["took_seconds"] >= 0


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError("no such\nbackend"), "failed"),
        (OutOfMemoryError("CUDA out of memory"), "out of memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "out of memory"),
    ],
)
def test_an_error_is_a_result(error: Exception, state: str) -> None:
    """Memory that ran out is told from other errors, and the text is one line."""
    result = _recorded(error)
    assert result["state"] == state
    assert result["error"] == f"{type(error).__name__}: {' '.join(str(error).split())}"


def test_what_has_no_time_left_is_skipped() -> None:
    """It is not begun, and the reason is recorded."""
    result = _recorded(AssertionError("it was begun"), left=1.0, needed=5.0)
    assert (result["state"], result["reason"]) == ("skipped", "out of time")


def test_a_result_is_a_short_line() -> None:
    """Figures are rounded for people; the file has all digits."""
    line = result_line({"name": "eager", "state": "ok", "step_seconds": 1.23456789, "finite": True})
    assert line == "eager: ok step_seconds=1.235 finite=true"


def test_the_renderer_is_found_without_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where kinolog is not installed, the processes of the check find its entry points and its code."""
    monkeypatch.setattr(installation, "_is_installed", lambda name: False)
    environment = installation.child_environment(tmp_path, None)
    program = (
        "from importlib.metadata import distribution\n"
        "points = distribution('kinolog').entry_points.select(group='kinolog.renderers')\n"
        "print(distribution('kinolog')._path, [point.name for point in points])\n"
        "import kinolog_worker.inference.process"
    )
    paths = [path for path in environment["PYTHONPATH"].split(os.pathsep) if path.startswith(str(tmp_path))]
    assert len(paths) == 1
    done = subprocess.run(
        (sys.executable, "-c", program), env=environment, capture_output=True, text=True, check=True
    )
    assert str(tmp_path) in done.stdout
    assert "'diffusers'" in done.stdout
