"""The state of a scene between two steps, as a file of safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from kinolog_worker.renderers.diffusers.checkpoints.nested_values import StoredTensors

_FORMAT = "1"


class CheckpointUnusable(Exception):
    """A checkpoint cannot be used. The message says why."""


@dataclass(frozen=True, slots=True)
class StepState:
    """What there is after a step: what the calls of schedulers returned in it, and hold; latents; generators.

    Each is a nested value as `StoredTensors` takes it.
    """

    returned: list[list[torch.Tensor]]
    values: dict[str, Any]
    schedulers: list[dict[str, Any]]
    noise: dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class SceneState:
    """The state of a scene after `step` steps.

    `steps` are the states after this step, and after the last step of each part of the scene that was drawn before.
    `passes` are the forms of what the networks return. `conditions` are what has to be the same when the scene goes on.
    """

    step: int
    conditions: Mapping[str, str]
    passes: Mapping[str, Any]
    steps: Mapping[int, Any]
    tensors: StoredTensors

    def state(self, step: int, device: torch.device) -> StepState | None:
        """Return the state after a step, with its tensors on this device; None if there is none."""
        stored = self.steps.get(step)
        return None if stored is None else StepState(**self.tensors.value(stored, device))

    def write(self, path: Path) -> None:
        """Write the state to a file."""
        facts = {
            "format": _FORMAT,
            "step": self.step,
            "conditions": dict(self.conditions),
            "passes": dict(self.passes),
            "steps": {str(step): state for step, state in self.steps.items()},
        }
        save_file(dict(self.tensors), path, {"kinolog": json.dumps(facts)})


def read_scene_state(path: Path, conditions: Mapping[str, str]) -> SceneState:
    """Read a state that was made under the same conditions. Raises CheckpointUnusable."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["kinolog"])
            if facts["format"] != _FORMAT:
                raise CheckpointUnusable("it is of another version of kinolog")
            made = facts["conditions"]
            for name in sorted(conditions.keys() | made.keys()):
                if made.get(name) != conditions.get(name):
                    raise CheckpointUnusable(f"it was made with another {name}")
            names = file.keys()  # the file itself is no mapping
            tensors = StoredTensors("", {name: file.get_tensor(name) for name in names})
        steps = {int(step): state for step, state in facts["steps"].items()}
        return SceneState(int(facts["step"]), made, facts["passes"], steps, tensors)
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointUnusable(f"it is damaged ({type(error).__name__})") from error
