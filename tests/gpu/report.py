"""The results of the check: one JSON file, written again after every result, and a line of text for each."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VERSION = 1
"""Of the file's format."""


class CheckReport:
    """Collects the results of all stages in `path`. Whoever reads the file never finds half of it."""

    def __init__(self, path: Path, **facts: object) -> None:
        """`facts` are those of the whole run, such as its budget."""
        self._path = path
        self._started = time.monotonic()
        self._stages: list[dict[str, Any]] = []
        self._content: dict[str, Any] = {
            "version": VERSION,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **facts,
            "stages": self._stages,
        }
        self._write()

    def begin(self, stage: str, limit_seconds: float) -> None:
        """A stage starts; results belong to it from now on."""
        self._stages.append(
            {"name": stage, "state": "running", "limit_seconds": round(limit_seconds, 1), "results": []}
        )
        print(f"{self._clock()} {stage}: at most {limit_seconds:.0f} s", flush=True)
        self._write()

    def add(self, result: Mapping[str, Any]) -> None:
        """The running stage has a result."""
        self._stages[-1]["results"].append(dict(result))
        print(f"{self._clock()}   {result_line(result)}", flush=True)
        self._write()

    def end(self, state: str, seconds: float, error: str = "") -> None:
        """The running stage ended."""
        self._stages[-1] |= {"state": state, "seconds": round(seconds, 1)} | (
            {"error": error} if error else {}
        )
        name = self._stages[-1]["name"]
        print(
            f"{self._clock()} {name}: {state} after {seconds:.1f} s{': ' + error if error else ''}",
            flush=True,
        )
        self._write()

    @property
    def complete(self) -> bool:
        """True if every stage finished."""
        return all(stage["state"] == "finished" for stage in self._stages)

    def _clock(self) -> str:
        return f"{time.monotonic() - self._started:6.1f}"

    def _write(self) -> None:
        self._content["seconds"] = round(time.monotonic() - self._started, 1)
        unfinished = self._path.with_suffix(".part")
        unfinished.write_text(json.dumps(self._content, indent=1) + "\n", encoding="utf-8")
        os.replace(unfinished, self._path)


def result_line(result: Mapping[str, Any]) -> str:
    """Return a result in one line."""
    figures = {key: value for key, value in result.items() if key not in ("name", "state")}
    return f"{result['name']}: {result['state']} " + " ".join(f"{k}={_short(v)}" for k, v in figures.items())


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
