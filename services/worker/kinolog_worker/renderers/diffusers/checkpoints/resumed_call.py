"""A call of a pipeline whose steps are recorded, and that is brought to the step of a checkpoint.

No pipeline of diffusers can begin in its middle. So the call begins at its start, as before: it encodes, makes noise
and sets its timesteps. Up to the step of the checkpoint the networks are left out and return zeros. What comes of them
is replaced at that step: what the schedulers returned and hold, the latents of the callback, and the generators of
noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from kinolog_worker.renderers.diffusers.checkpoints.nested_values import (
    StoredTensors,
    ValueNotStorable,
    tensors_in,
    with_tensors,
)
from kinolog_worker.renderers.diffusers.checkpoints.scene_state import (
    CheckpointUnusable,
    SceneState,
    StepState,
)
from kinolog_worker.renderers.diffusers.checkpoints.skipped_passes import PassForms
from kinolog_worker.renderers.diffusers.checkpoints.stepped_schedulers import SteppedSchedulers
from kinolog_worker.renderers.scene_checkpoints import SceneCheckpoints

_OTHER_CALL = "it is of another call"


@dataclass(slots=True)
class _StepEnd:
    """What a step left but for what the schedulers hold."""

    returned: list[list[torch.Tensor]]
    values: Mapping[str, Any]
    noise: dict[str, torch.Tensor]


class ResumedCall:
    """Follows one call of a pipeline. `generator` is that of the call, and is set before its first step."""

    generator: torch.Generator | None = None

    def __init__(
        self,
        device: torch.device,
        checkpoints: SceneCheckpoints,
        conditions: Mapping[str, str],
        earlier: SceneState | None = None,
    ) -> None:
        """`earlier` is the state to go on from; None for a call from its first step."""
        self._device = device
        self._checkpoints = checkpoints
        self._conditions = conditions
        self._earlier = earlier
        self._goal: StepState | None = None
        """The state that the running step is replaced by."""
        self._passes = PassForms(earlier.passes if earlier is not None else {})
        self._passes.skips = earlier is not None
        self._schedulers = SteppedSchedulers(self._replaced, self._end_part)
        self._start_step = earlier.step if earlier is not None else 0
        self._end: _StepEnd | None = None
        self._parts: dict[int, Any] = {}
        """The states after the last steps of parts, by the number of the step."""
        self._part_tensors = StoredTensors("part")
        self._can_store = True
        self._stored_step = self._start_step
        self.done = 0
        """How many steps are done, those of the checkpoint among them."""
        if earlier is not None:
            self._parts = {step: state for step, state in earlier.steps.items() if step < earlier.step}
            self._part_tensors.update(earlier.tensors.of("part"))
            self._goal = earlier.state(1, device)

    @property
    def skips(self) -> bool:
        """Whether steps are left out now."""
        return self._passes.skips

    @property
    def may_be_wrong(self) -> bool:
        """Whether the call goes on from a checkpoint and no step was drawn since: an error may come of that."""
        return self._start_step > 0 and self.done <= self._start_step

    @contextmanager
    def followed(self, pipe: Any) -> Iterator[None]:
        """Follow a call of the pipeline in the block. Raises CheckpointUnusable if it is not that of the checkpoint."""
        with self._schedulers.followed(pipe), self._passes.followed(pipe):
            yield

    def after_step(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take the end of a step with what its callback has. Return what the call goes on with instead."""
        self.done += 1
        returned = [list(tensors_in(result)) for result in self._schedulers.returned]
        self._schedulers.begin_step()
        replaced: Mapping[str, Any] = {}
        if self._goal is not None:
            replaced = values = self._goal.values
            self._restore(self._goal)
        self._end = _StepEnd(returned, values, self._noise())
        if self._earlier is None:
            self._store()
        elif self.done < self._earlier.step:
            self._goal = self._earlier.state(self.done + 1, self._device)
        else:
            self._earlier = self._goal = None
            self._passes.skips = False
            self._checkpoints.resumed(self.done)
        return replaced

    def store_last(self) -> None:
        """Make a checkpoint of the last step, if this call has drawn it: it has been cancelled within the next one."""
        drawn = self._earlier is None and self.done > self._stored_step
        if self._end is not None and drawn and self._checkpoints.is_last_wanted():
            self._try_to_store(self._put)

    def _replaced(self, number: int, result: Any) -> Any:
        """Return what a call of a scheduler's step returned before the checkpoint, or now."""
        if self._goal is None:
            return result
        tensors = list(tensors_in(result))
        stored = self._goal.returned[number] if number < len(self._goal.returned) else []
        if [tensor.shape for tensor in tensors] != [tensor.shape for tensor in stored]:
            raise CheckpointUnusable(_OTHER_CALL)
        return with_tensors(result, iter(stored))

    def _restore(self, goal: StepState) -> None:
        if self.generator is None or not self._schedulers.restore(goal.schedulers):
            raise CheckpointUnusable(_OTHER_CALL)
        self.generator.set_state(goal.noise["generator"])
        torch.set_rng_state(goal.noise["process"])
        if "device" in goal.noise:
            torch.cuda.set_rng_state(goal.noise["device"], self._device)

    def _noise(self) -> dict[str, torch.Tensor]:
        """Return the states of the generators that the call draws noise from."""
        noise = {"process": torch.get_rng_state()}
        if self.generator is not None:
            noise["generator"] = self.generator.get_state()
        if self._device.type == "cuda":
            noise["device"] = torch.cuda.get_rng_state(self._device)
        return noise

    def _end_part(self) -> None:
        """Remember the state after the last step, as new timesteps are set: the next part may go on from it."""
        if self._end is None:
            return
        if self.done not in self._parts:
            if self._earlier is not None:
                raise CheckpointUnusable(_OTHER_CALL)
            self._try_to_store(lambda: self._parts.update({self.done: self._stored(self._part_tensors)}))
        self._schedulers.begin_part()

    def _store(self) -> None:
        """Make a checkpoint if one is due."""
        if self._can_store and self._checkpoints.is_due(self.done):
            self._try_to_store(self._put)

    def _put(self) -> None:
        self._stored_step = self.done
        tensors = StoredTensors("step")
        steps = {**self._parts, self.done: self._stored(tensors)}
        tensors.update(self._part_tensors)
        state = SceneState(self.done, self._conditions, dict(self._passes.known), steps, tensors)
        self._checkpoints.put(self.done, state.write)

    def _stored(self, tensors: StoredTensors) -> Any:
        """Return the state after the last step as JSON, with its tensors among these."""
        if self._end is None:
            raise RuntimeError("no step is done")
        return tensors.put(
            {
                "returned": self._end.returned,
                "values": dict(self._end.values),
                "schedulers": self._schedulers.states(),
                "noise": self._end.noise,
            }
        )

    def _try_to_store(self, store: Callable[[], None]) -> None:
        """Make no checkpoints from now on if one of the values cannot be stored."""
        if not self._can_store:
            return
        try:
            store()
        except ValueNotStorable as refusal:
            self._can_store = False
            self._checkpoints.omitted(f"no checkpoint is made: the call holds {refusal}")
