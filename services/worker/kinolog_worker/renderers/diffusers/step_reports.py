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
    with replaced_methods(pipe.scheduler, lambda scheduler: _reporting(scheduler, after_step)):
        yield {}


@contextmanager
def replaced_methods(
    scheduler: Any, methods: Callable[[Any], Mapping[str, Callable[..., Any]]]
) -> Iterator[None]:
    """Give a scheduler, and deep copies of it, other methods in the block. `methods` makes them for its class.

    They are those of a subclass, because an attribute of the instance would be shared by a deep copy and step the
    original. They keep their signatures: pipelines look there for what they may pass.
    """
    original = type(scheduler)
    replaced = {name: wraps(getattr(original, name))(method) for name, method in methods(original).items()}
    scheduler.__class__ = type(original.__name__, (original,), replaced)
    try:
        yield
    finally:
        scheduler.__class__ = original


def _reporting(scheduler: Any, after_step: AfterStep) -> Mapping[str, Callable[..., Any]]:
    """Return the step of a scheduler's class that reports itself."""

    def step(self: Any, *positional: Any, **named: Any) -> Any:
        stepped = scheduler.step(self, *positional, **named)
        latents = stepped[0] if isinstance(stepped, tuple) else getattr(stepped, "prev_sample", None)
        after_step({}, latents if isinstance(latents, torch.Tensor) else None)
        return stepped

    return {"step": step}
