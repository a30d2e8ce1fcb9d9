"""The stages of the check. Each is the module of its name with a function `run`, and what the modules share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckStage:
    """A stage: its module in this package, and its part of the budget relative to the other stages."""

    name: str
    share: float


STAGES = (
    CheckStage("environment", 4),
    CheckStage("families", 20),
    CheckStage("wan", 22),
    CheckStage("decode", 16),
    CheckStage("job", 11),
    CheckStage("device_assert", 14),
    CheckStage("memory", 32),
)
"""In the order in which they run. Time that a stage leaves goes to those after it."""
