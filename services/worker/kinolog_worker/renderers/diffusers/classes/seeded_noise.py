"""The noise of a call: from its seed alone, and the same on every device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


@contextmanager
def seeded_noise(seed: int, *, device_noise: bool = False) -> Iterator[torch.Generator]:
    """Yield the generator for a call in this block.

    It is one of the CPU, so that a seed means the same noise everywhere. The generators of torch itself have the seed
    too: some classes draw from them. With `device_noise` the call draws on its device with a generator that it is
    given, which torch refuses of one of the CPU: it is drawn there and moved.
    """
    torch.manual_seed(seed)
    with _NoiseOfGenerator() if device_noise else nullcontext():
        yield torch.Generator("cpu").manual_seed(seed)


class _NoiseOfGenerator(TorchFunctionMode):
    """Draws noise on the device of its generator, and moves it to the device that was asked for."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        generator, device = named.get("generator"), named.get("device")
        if function in (torch.rand, torch.randn) and generator is not None and device is not None:
            return function(*args, **named | {"device": generator.device}).to(device)
        return function(*args, **named)
