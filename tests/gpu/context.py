"""What a stage of the check gets: its device, its time, and where its results go. No torch here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ERROR_CHARACTERS = 400
"""The text of an error longer than this is cut."""

OUT_OF_TIME = "out of time"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """One stage on one device.

    `device` is `cuda` or `cpu`. `tiny` asks for the small shapes of the rehearsal. The stage writes files into
    `folder` only, and ends before `deadline` (seconds of `time.monotonic`). `families` limits the families; empty
    means all. `results` takes each result.
    """

    device: str
    tiny: bool
    folder: Path
    deadline: float
    families: tuple[str, ...]
    results: Callable[[Mapping[str, Any]], None]

    @property
    def on_gpu(self) -> bool:
        """True if the stage runs on a GPU."""
        return self.device != "cpu"

    def seconds_left(self) -> float:
        """Return the seconds until the stage has to end."""
        return self.deadline - time.monotonic()

    def record(self, name: str, state: str = "ok", **figures: object) -> None:
        """Pass one result on. `state` is `ok`, `failed`, `out of memory` or `skipped`."""
        self.results({"name": name, "state": state, **figures})

    def attempt(
        self, name: str, work: Callable[[], Mapping[str, Any]], *, seconds: float = 0.0
    ) -> Mapping[str, Any] | None:
        """Do the work and record the figures that it returns, or its error. Return the figures, or None.

        It is skipped if fewer than `seconds` are left.
        """
        if self.seconds_left() < seconds:
            self.record(name, "skipped", reason=OUT_OF_TIME)
            return None
        started = time.monotonic()
        try:
            figures = work()
        except Exception as error:
            took = round(time.monotonic() - started, 2)
            self.record(name, state_of(error), error=error_text(error), took_seconds=took)
            return None
        self.record(name, **{"took_seconds": round(time.monotonic() - started, 2), **figures})
        return figures


def state_of(error: BaseException) -> str:
    """Return the state of a result that ended with this error."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    starved = "OutOfMemoryError" in names or "CUBLAS_STATUS_ALLOC_FAILED" in text or "out of memory" in text
    return "out of memory" if starved else "failed"


def error_text(error: BaseException) -> str:
    """Return kind and text of an error in one line, cut to a readable length."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:ERROR_CHARACTERS]
