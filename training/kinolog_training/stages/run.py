"""A training run: a limit of minutes or samples, checkpoints that survive a kill, and progress lines."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from kinolog_training.stages.learner import Learner


@dataclass
class TrainingRun:
    """One run of one stage. `cool` is the last part of the run in which the learning rates fall to a twentieth.

    It ends after `minutes`, or when the stage has trained on `samples` in all, earlier runs included. The second limit
    gives the same model on a busy machine as on a fast one, however often the run is killed and started again.
    """

    folder: Path
    stage: str
    minutes: float | None = None
    samples: int | None = None
    device: str = "cpu"
    cool: float = 0.25
    bf16: bool = False  # compute in bfloat16 where it is safe; weights stay in float32
    save_seconds: float = 120.0
    started: float = field(default_factory=time.monotonic)
    _saved: float = field(default_factory=time.monotonic)
    _reported: float = 0.0

    @property
    def path(self) -> Path:
        return self.folder / f"{self.stage}.pt"

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.samples is None):
            raise ValueError("a run needs a limit of either minutes or samples")

    def spent(self, learner: Learner) -> float:
        """Return the part of the run that is done, 0..1."""
        parts = []
        if self.minutes is not None:
            parts.append((time.monotonic() - self.started) / (60 * self.minutes))
        if self.samples is not None:
            parts.append(learner.samples / self.samples)
        return max(parts)

    def pace(self, learner: Learner) -> float:
        """Return the current factor of the learning rates."""
        return max(0.05, min(1.0, (1 - self.spent(learner)) / self.cool)) if self.cool > 0 else 1.0

    def resume(self, learner: Learner) -> None:
        """Load the stage's checkpoint, if there is one."""
        if self.path.exists():
            learner.load_state_dict(torch.load(self.path, map_location=self.device, weights_only=True))
            print(f"{self.stage}: resumed at step {learner.steps}, {learner.samples} samples", flush=True)

    def save(self, learner: Learner) -> None:
        """Write the checkpoint atomically: a kill leaves the old one or the new one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        torch.save(learner.state_dict(), part)
        part.replace(self.path)
        self._saved = time.monotonic()

    def tick(self, learner: Learner, figures: dict[str, Any], every_seconds: float = 20.0) -> bool:
        """Save and report when due. Return True while the run is not over."""
        now = time.monotonic()
        if now - self._saved > self.save_seconds:
            self.save(learner)
        if now - self._reported > every_seconds:
            self._reported = now
            shown = " ".join(f"{name} {float(value):.4f}" for name, value in figures.items())
            seconds = now - self.started
            print(
                f"{self.stage} {seconds:.0f}s step {learner.steps} samples {learner.samples} {shown}",
                flush=True,
            )
        return self.spent(learner) < 1
