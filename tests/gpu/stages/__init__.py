"""The stages of the check. Each is the module of its name with a function `run`, and what the modules share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckStage:
    """A stage: its module in this package, and its part of the budget: about the seconds that it takes."""

    name: str
    share: float


STAGES = (
    CheckStage("environment", 10),
    CheckStage("wan", 80),
    CheckStage("decode", 55),
    CheckStage("job", 55),
    CheckStage("device_assert", 45),
    CheckStage("memory", 110),
    CheckStage("quantised", 25),
    CheckStage("families", 85),
)
"""In the order in which they run. Time that a stage leaves goes to those after it, so the longest list is last."""
