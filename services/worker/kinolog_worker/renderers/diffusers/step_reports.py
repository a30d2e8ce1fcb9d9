"""The seam at the steps: the callback of a call that has one, the scheduler of a call that has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeAlias

import torch

from kinolog.models.families import Family, StepReports

StepValues: TypeAlias = Mapping[str, Any]
"""What a call has after a step, by its own names, such as `latents`: nested lists of tensors, or nothing."""

AfterStep: TypeAlias = Callable[[StepValues, torch.Tensor | None], StepValues]
"""Called after each step with what the call has, and with its latents if the seam sees them.

Returns what the call goes on with instead; nothing for what there is. May raise."""


def callback(after_step: AfterStep) -> Callable[..., dict[str, Any]]:
    """Return a `callback_on_step_end`.

    It ends a cancelled call with the exception of `after_step`. (Setting `pipe._interrupt` would still decode the
    unfinished latents.)
    """

    def on_step_end(_: Any, __: int, ___: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        latents = tensors.get("latents")
        return dict(after_step(tensors, latents if isinstance(latents, torch.Tensor) else None))

    return on_step_end


@contextmanager
def reported_steps(pipe: Any, family: Family, after_step: AfterStep) -> Iterator[dict[str, Any]]:
    """Let the calls of the block report each step. Yields the arguments that such a call needs.

    A family with a callback has its scheduler left alone: some pipelines copy it, for sound or for each frame, and
    would report the steps of the copies as well.
    """
    if family.step_reports is StepReports.CALLBACK:
        yield {"callback_on_step_end": callback(after_step)}
        return
    original = type(pipe.scheduler)
    pipe.scheduler.__class__ = _reporting(original, after_step)
    try:
        yield {}
    finally:
        pipe.scheduler.__class__ = original


def _reporting(scheduler: Any, after_step: AfterStep) -> Any:
    """Return a subclass of a scheduler's class that reports its steps.

    A class, because an attribute of the instance would be shared by a deep copy and step the original. `step` keeps its
    signature: pipelines look there for what they may pass.
    """

    def step(self: Any, *positional: Any, **named: Any) -> Any:
        stepped = scheduler.step(self, *positional, **named)
        latents = stepped[0] if isinstance(stepped, tuple) else getattr(stepped, "prev_sample", None)
        after_step({}, latents if isinstance(latents, torch.Tensor) else None)
        return stepped

    return type(scheduler.__name__, (scheduler,), {"step": wraps(scheduler.step)(step)})
