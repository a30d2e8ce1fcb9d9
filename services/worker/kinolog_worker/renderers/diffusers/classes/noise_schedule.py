"""The seam at the scheduler: other noise levels than those that it makes, or another shift of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import diffusers

from kinolog.models.families import Family
from kinolog_worker.renderers.renderer import RenderFailed, SceneRequest

_library: Any = diffusers  # untyped in part
_FlowMatchEuler: Any = _library.FlowMatchEulerDiscreteScheduler


class StatedLevels(_FlowMatchEuler):  # type: ignore[misc] # the library is untyped in part
    """A flow matching scheduler whose steps have stated noise levels, whatever the pipeline asks for."""

    levels: tuple[float, ...] = ()

    def set_timesteps(
        self,
        num_inference_steps: Any = None,
        device: Any = None,
        sigmas: Any = None,
        mu: Any = None,
        timesteps: Any = None,
    ) -> None:
        """Set the stated levels. Pipelines look at the names of the parameters, and pass what they would have."""
        super().set_timesteps(sigmas=list(self.levels), device=device)


@contextmanager
def scene_schedule(pipe: Any, family: Family, request: SceneRequest) -> Iterator[None]:
    """Let the scenes of the block have the noise levels and the flow shift of a request, if it states some.

    Raises RenderFailed for a family that takes none.
    """
    if request.sigmas and not family.takes_sigmas:
        raise RenderFailed(
            "MODEL_UNSUPPORTED", f"{family.pipeline} takes no list of noise levels", retryable=False
        )
    levels = () if family.sigmas else request.sigmas  # which a family with levels takes as an argument
    if not levels and not request.flow_shift:
        yield
        return
    original = pipe.scheduler
    if levels:
        pipe.scheduler = StatedLevels(num_train_timesteps=original.config.num_train_timesteps)
        pipe.scheduler.levels = levels
    else:
        pipe.scheduler = with_flow_shift(original, request.flow_shift)
    try:
        yield
    finally:
        pipe.scheduler = original


def with_flow_shift(scheduler: Any, shift: object) -> Any:
    """Return a scheduler like this one with another shift of its noise levels. Raises RenderFailed if it has none."""
    name = next((name for name in ("flow_shift", "shift") if name in scheduler.config), None)
    if name is None or not isinstance(shift, int | float):
        raise RenderFailed(
            "MODEL_UNSUPPORTED",
            f"{type(scheduler).__name__} takes no flow_shift of {shift!r}; leave the option out",
            retryable=False,
        )
    return type(scheduler).from_config(scheduler.config, **{name: float(shift)})
