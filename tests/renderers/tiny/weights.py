"""Networks with random weights that depend on their configuration and a seed alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_STANDARD_DEVIATION = 0.05


def network(build: Callable[..., Any], *arguments: Any, weights_seed: int = 0, **configuration: Any) -> Any:
    """Return a network of this configuration in evaluation mode.

    Parameters that the class starts at zero are random too: otherwise the text and the time have no effect on the
    pixels of an untrained network, and a test of guidance could not fail.
    """
    torch.manual_seed(weights_seed)
    built = build(*arguments, **configuration).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            if parameter.numel() and not parameter.any():
                parameter.normal_(0.0, _STANDARD_DEVIATION)
    return built
