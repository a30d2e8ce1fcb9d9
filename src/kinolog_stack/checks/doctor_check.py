"""What a check of `kinolog doctor` returns."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, WRONG = "ok", "warning", "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """Result of one check. `status` is `ok`, `warning` (it works, but needs attention) or `wrong`."""

    name: str
    status: str
    found: str
    remedy: str = ""
