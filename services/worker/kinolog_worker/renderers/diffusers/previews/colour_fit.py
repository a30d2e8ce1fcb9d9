"""The linear map from latents to colours, fitted by least squares to the clips that were decoded.

Its sums are kept in a file, so that each of the first clips makes it better, and a worker that starts again has it.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from kinolog_worker.renderers.diffusers.previews.arrangement import Arrangement

logger = logging.getLogger(__name__)

_RIDGE = 1e-4
"""What is added to the sums of squares, as a share of their mean: few clips do not tell all channels apart."""


@dataclass(slots=True)
class ColourFit:
    """Sums over the latent pixels of decoded clips: of products of their channels, and of these with colours.

    A channel that is always 1 stands for the colour of no latents. `scale` is the number of pixels of a clip on the
    side of a latent pixel. `clips` counts those that were added.
    """

    arrangement: Arrangement
    scale: int
    squares: torch.Tensor
    products: torch.Tensor
    clips: int = 0

    @classmethod
    def empty(cls, arrangement: Arrangement, scale: int, channels: int) -> ColourFit:
        """Return the fit of no clips."""
        return cls(
            arrangement,
            scale,
            torch.zeros(channels + 1, channels + 1, dtype=torch.float64),
            torch.zeros(channels + 1, 3, dtype=torch.float64),
        )

    @property
    def channels(self) -> int:
        return len(self.squares) - 1

    def add(self, latents: torch.Tensor, colours: torch.Tensor) -> None:
        """Add a clip: latents (channels, frames, height, width) and the colours there (3, frames, height, width).

        Colours go from -1 to 1. Numbers that are infinite or none add nothing.
        """
        rows = torch.cat([latents, torch.ones_like(latents[:1])]).flatten(1).double()
        wanted = colours.flatten(1).double()
        squares, products = rows @ rows.T, rows @ wanted.T
        if squares.isfinite().all() and products.isfinite().all():
            self.squares += squares
            self.products += products
            self.clips += 1

    def solved(self) -> torch.Tensor:
        """Return the map: (3, channels + 1), the last column for the channel that is 1.

        Raises RuntimeError if the sums have no such map.
        """
        ridge = _RIDGE * self.squares.diagonal().mean() * torch.eye(len(self.squares), dtype=torch.float64)
        solution: torch.Tensor = torch.linalg.solve(self.squares + ridge, self.products)
        return solution.T.float()


def read_fit(path: Path) -> ColourFit | None:
    """Return the fit of a file; None if there is none, or one that is damaged or of another version."""
    try:
        with safe_open(path, framework="pt") as file:
            stated = json.loads(file.metadata()["fit"])
            fit = ColourFit(
                Arrangement(**stated["arrangement"]),
                int(stated["scale"]),
                file.get_tensor("squares"),
                file.get_tensor("products"),
                int(stated["clips"]),
            )
        fit.solved()
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError):
        return None
    return fit


def write_fit(path: Path, fit: ColourFit) -> None:
    """Write the fit to a file. What cannot be written is fitted again by the next process."""
    stated = {"arrangement": asdict(fit.arrangement), "scale": fit.scale, "clips": fit.clips}
    written = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {"squares": fit.squares, "products": fit.products}, written, metadata={"fit": json.dumps(stated)}
        )
        written.replace(path)
    except (OSError, SafetensorError) as error:
        logger.debug("the map of previews cannot be kept: %s", type(error).__name__)
        with suppress(OSError):
            written.unlink(missing_ok=True)
